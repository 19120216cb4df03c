"""How a machine is run: always the same cases, and it counts if it reached its situations."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from anyjob.conformance.effort import effort
from anyjob.conformance.harness import Harness
from anyjob.conformance.machines.leases import lease_machine
from anyjob.conformance.probe import obeys_clock

RUNS, STEPS = effort().pick(100, 300), effort().pick(30, 50)


def run_lease_machine(harness: Harness, *, shrink: bool = True) -> None:
    """Run it; fails with the smallest sequence found (without `shrink`: the first) that breaks the
    contract.
    """
    if not obeys_clock(harness):
        pytest.skip("UNTESTED: the clock of the site is not obeyed, so it cannot be moved")
    machine = lease_machine(harness)

    run_state_machine_as_test(machine, settings=_settings(shrink=shrink))

    missed = sorted(mark for mark in machine.wanted if not machine.marks[mark])
    assert not missed, f"VACUOUS: never reached {', '.join(missed)}"


def _settings(*, shrink: bool) -> settings:
    return settings(
        max_examples=RUNS,
        stateful_step_count=STEPS,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink] if shrink else [Phase.generate],
        suppress_health_check=list(HealthCheck),
        print_blob=False,
        report_multiple_bugs=False,
    )
