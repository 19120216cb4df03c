"""A whole run: parts, a nemesis, the drain, and the verdict."""

from __future__ import annotations

from random import Random

import msgspec

from anyjob.conformance.harness import Harness
from anyjob.conformance.history.check import Verdict, check
from anyjob.conformance.history.crew import failure_of
from anyjob.conformance.history.drain import drain
from anyjob.conformance.history.nemesis import rage
from anyjob.conformance.history.plan import Plan
from anyjob.conformance.history.processes import crew_for
from anyjob.conformance.history.record import History, merge
from anyjob.conformance.history.staff import Orders, Staff
from anyjob.conformance.scene import Scene
from anyjob.conformance.wire import Proxy


def run_history(harness: Harness, plan: Plan, seed: int) -> tuple[History, Verdict]:
    """Run producers and consumers under a nemesis, drain, and judge.

    In processes of their own, unless what the harness makes lives in one process or a new one could
    not find the harness. Raises AssertionError where a part failed.
    """
    with Scene(harness, None) as scene:
        return run_on(scene, plan, seed)


def run_on(
    scene: Scene, plan: Plan, seed: int, wire: Proxy | None = None
) -> tuple[History, Verdict]:
    """Run a history on a scene of one's own, all parts through `wire`; see `run_history`.

    With a wire, the scene's server is one that may be killed and frozen.
    """
    # A lease that is shorter than what the backend counts in says little of what it keeps.
    plan = msgspec.structs.replace(plan, lease=max(plan.lease, scene.capabilities.resolution))
    scene.declare(*plan.queues)
    folder = scene.site.folder / f"history {seed}"
    folder.mkdir()
    site = scene.site if wire is None else scene.through(wire)
    orders = Orders(scene, site, plan, seed, folder)
    with crew_for(scene.harness, scene.capabilities.reach) as crew:
        staff = Staff(crew, orders, plan)
        staff.hire_all()
        rage(staff, scene, plan, Random(f"{seed} nemesis"), folder / "nemesis.jsonl", wire)
    failed = sorted(name for name, how in crew.ended.items() if how == "failed")
    assert not failed, f"{failed[0]} failed: {failure_of(folder, failed[0])}"
    last = orders.order("drain", "drain", drains=True)
    header = drain(last, scene.harness, orders.header(staff.consumers))
    history = merge(header, sorted(folder.glob("*.jsonl")))
    return history, check(history)
