"""Histories of a server in trouble: faults strike it, and what it forgets is found."""

from __future__ import annotations

import sys

import pytest

from anyjob.conformance import Harness, OwnProcess
from anyjob.conformance.history import Verdict
from anyjob.conformance.history.outage import QUICK
from anyjob.conformance.history.plan import Plan
from anyjob.conformance.history.run import run_on
from anyjob.conformance.scene import Scene
from tests.conformance.wire.harness import WiredHarness

SERVER = f"exec {sys.executable} -m tests.conformance.wire.server --port {{port}} --dir {{dir}}"


class ForgetfulHarness(WiredHarness):
    """A server that begins with nothing, however it ended."""

    server = OwnProcess(["sh", "-c", f"rm -rf {{dir}}/*; {SERVER}"], url=WiredHarness.server.url)


@pytest.mark.parametrize(
    ("plan", "mark"),
    [
        (Plan(jobs=60, kills=0, freezes=0, server_kills=2), "the server was killed"),
        (Plan(jobs=60, kills=0, freezes=0, server_freezes=2), "the server was frozen"),
        (Plan(jobs=60, kills=0, freezes=0, cuts=2), "every connection was cut"),
    ],
    ids=["kills", "freezes", "cuts"],
)
def test_fault_of_the_server_breaks_nothing(plan: Plan, mark: str) -> None:
    verdict = verdict_on(WiredHarness(), plan)

    assert verdict.holds, str(verdict)
    assert verdict.marks[mark] == 2


def test_server_that_forgets_when_it_is_killed_is_found() -> None:
    verdict = verdict_on(ForgetfulHarness(), QUICK)

    assert {"lost", "dead_unequal"} & set(verdict.broken), str(verdict)


def verdict_on(harness: Harness, plan: Plan) -> Verdict:
    with Scene(harness, None) as scene:
        here = scene.own(None)
        return run_on(here, plan, 7, here.proxy())[1]
