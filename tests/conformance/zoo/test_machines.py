"""With the directed examples switched off, a state machine alone catches each defect of leases,
time, order and uniqueness.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from anyjob.conformance.machines import run_machine
from anyjob.conformance.machines.run import MACHINES
from tests.conformance.zoo.catalogue import MUTANTS
from tests.conformance.zoo.legal import LEGAL, Strange
from tests.conformance.zoo.mutant import MemoryMutantHarness, Mutant, harness_of
from tests.conformance.zoo.thorough import SEED, pick

#: Seeds at each of which a machine has to find a defect.
SEEDS = range(SEED, SEED + pick(1, 20))
CAUGHT = [mutant for mutant in MUTANTS if mutant.machine in MACHINES]
#: Strange backends whose time or batches the machines' models do not know.
UNKNOWN = ("one job a call", "fifty milliseconds an operation")
#: All of them when certifying: a machine that finds nothing takes seconds.
STRANGE = [each for each in LEGAL if each.name not in UNKNOWN][: pick(1, len(LEGAL))]


@pytest.mark.parametrize("mutant", CAUGHT, ids=str)
def test_machine_alone_catches_the_mutant(
    mutant: Mutant, record_property: Callable[[str, object], None]
) -> None:
    assert mutant.machine is not None
    record_property("zoo", "survived a machine")
    harness = harness_of(mutant)

    for seed in SEEDS:
        with pytest.raises(Exception) as caught:  # noqa: PT011 - its own errors too
            run_machine(mutant.machine, harness, seed=seed, shrink=False)
        assert "VACUOUS" not in str(caught.value)

    record_property("zoo", "killed by a machine")


@pytest.mark.parametrize("machine", MACHINES)
def test_machine_passes_the_sound_backend(machine: str) -> None:
    run_machine(machine, MemoryMutantHarness(), seed=SEED, shrink=False)


@pytest.mark.parametrize("strange", STRANGE, ids=str)
@pytest.mark.parametrize("machine", MACHINES)
def test_machine_passes_a_strange_backend(strange: Strange, machine: str) -> None:
    run_machine(machine, strange.harness(), seed=SEED, shrink=False)
