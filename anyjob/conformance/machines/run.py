"""How a machine is run: always the same cases of one seed, and it counts if it reached its
situations.
"""

from __future__ import annotations

from collections import Counter

import hypothesis
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from anyjob.conformance.backend.widened import is_refused
from anyjob.conformance.effort import effort
from anyjob.conformance.harness import Harness, offers
from anyjob.conformance.machines.administration import AdministrationMachine
from anyjob.conformance.machines.base import Machine, SceneMachine
from anyjob.conformance.machines.leases import LeaseMachine
from anyjob.conformance.machines.order import OrderMachine
from anyjob.conformance.machines.payload import PayloadMachine
from anyjob.conformance.machines.recovery import RecoveryMachine
from anyjob.conformance.machines.schedule import ScheduleMachine
from anyjob.conformance.machines.store_keys import StoreKeysMachine
from anyjob.conformance.machines.store_schedule import StoreScheduleMachine
from anyjob.conformance.machines.unique import UniqueMachine
from anyjob.conformance.probe import obeys_clock
from anyjob.conformance.scene import Scene

MACHINES: dict[str, type[Machine]] = {
    "lease": LeaseMachine,
    "recovery": RecoveryMachine,
    "unique": UniqueMachine,
    "order": OrderMachine,
    "schedule": ScheduleMachine,
    "administration": AdministrationMachine,
    "payload": PayloadMachine,
    "store_keys": StoreKeysMachine,
    "store_schedule": StoreScheduleMachine,
}

#: So many cases come from one seed. After ten Hypothesis mostly varies what it had, which reaches
#: less than new ones do and takes as long.
FRESH = 10
#: A run that missed a situation goes on with other cases, so often at most.
ROUNDS = 4


def run_machine(
    name: str, harness: Harness, *, seed: int | None = None, shrink: bool = True
) -> None:
    """Run one of MACHINES; fails with the smallest sequence found (without `shrink`: the first)
    that breaks the contract.

    The cases follow from `seed`, by default that of the environment.
    """
    if not obeys_clock(harness):
        pytest.skip("UNTESTED: the clock of the site is not obeyed, so it cannot be moved")
    if offers(harness, "advance"):
        # The models count what the suite lets pass, to the millisecond.
        pytest.skip("UNTESTED: time passes on the server's clock beside what the suite lets pass")
    if issubclass(MACHINES[name], SceneMachine) and not _looks_up(harness):
        pytest.skip("UNTESTED: the models look jobs up, and nobody finds here one that waits")
    machine = _on(harness, MACHINES[name])
    lots = effort().pick(60, 300) // FRESH
    first = ROUNDS * lots * (effort().seed if seed is None else seed)
    missed: list[str] = []
    for start in range(first, first + ROUNDS * lots, lots):
        for number in range(start, start + lots):
            hypothesis.seed(number)(machine)
            run_state_machine_as_test(machine, settings=_settings(shrink=shrink))
        missed = sorted(mark for mark in machine.wanted if not machine.marks[mark])
        if not missed:
            return
    raise AssertionError(f"VACUOUS: never reached {', '.join(missed)}")


def _looks_up(harness: Harness) -> bool:
    """Whether `get` shows a job that waits, also where no listing does."""
    with Scene(harness, None) as scene:
        [job] = scene.put()
        return not is_refused(scene, job)


def run_lease_machine(harness: Harness, *, shrink: bool = True) -> None:
    """Run the machine of leases and settlements."""
    run_machine("lease", harness, shrink=shrink)


def _on(harness: Harness, machine: type[Machine]) -> type[Machine]:
    """The machine on what this harness makes, with marks of its own."""
    return type(
        f"{machine.__name__}OnHarness",
        (machine,),
        {"harness": harness, "marks": Counter(), "wanted": set()},
    )


def _settings(*, shrink: bool) -> settings:
    return settings(
        max_examples=FRESH,
        stateful_step_count=effort().pick(30, 50),
        derandomize=False,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink] if shrink else [Phase.generate],
        suppress_health_check=list(HealthCheck),
        print_blob=False,
        report_multiple_bugs=False,
    )
