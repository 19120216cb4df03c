"""Each machine alone finds the defects it is for, from any seed."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis.stateful import rule

from anyjob.backends.memory import MemoryBackend, MemoryStore
from anyjob.conformance import Harness, Site
from anyjob.conformance.machines import run_machine
from anyjob.conformance.machines.base import StoreMachine
from anyjob.conformance.machines.run import MACHINES
from anyjob.core.backend import Backend
from anyjob.core.clock import SystemClock
from anyjob.core.errors import AnyjobError
from anyjob.core.store import Entry, Store
from tests.conformance.machines import defects

#: By machine: what it has to find.
PLANTED: dict[str, list[type]] = {
    "unique": [
        defects.LapseFreesTheKey,
        defects.RetryFreesTheKey,
        defects.DeadJobKeepsTheKey,
        defects.ForgetsWhatEnded,
    ],
    "order": [
        defects.RetryLosesItsPriority,
        defects.SecondReleaseGoesToTheTail,
        defects.StarvesTheLowEnd,
        defects.DrainsOneQueueFirst,
    ],
    "recovery": [
        defects.ForgetsWhatTheDeadHeld,
        defects.SweepsTenAtOnce,
        defects.LatecomerReplacesTheOutcome,
        defects.ExtendsOnePage,
    ],
    "schedule": [
        defects.RoundsDelaysDown,
        defects.RetryDelayIsLost,
        defects.DropsTheZone,
        defects.PromotesWhenMaintainedOnly,
    ],
    "administration": [
        defects.PausedQueueTakesNoSettlement,
        defects.RevivesEachTime,
        defects.SkipsAfterAChange,
        defects.LosesTheNoteOfTheDead,
        defects.AgeOfTheNewest,
    ],
    "payload": [
        defects.StopsAtANul,
        defects.KeepsTheCallersList,
        defects.BuffersBeforeItLooks,
        defects.KeepsTheNoteThatWasEmptied,
    ],
    "store_schedule": [
        defects.SettlesWithAnyToken,
        defects.RemovesWhatIsHeld,
        defects.AddsAgainWhatIsTaken,
        defects.NewestDueFirst,
    ],
    "store_keys": [
        defects.KeepsTheOldTtl,
        defects.DeletesAnyVersion,
        defects.FormerOwnerFrees,
        defects.SkipsEqualTimes,
    ],
}
#: What a machine ends with: its own assertion, an error that it did not expect, or the lack of one.
WRONG = (AssertionError, AnyjobError, pytest.fail.Exception)
CASES = [(name, defect) for name, found in PLANTED.items() for defect in found]


class PlantedBackend(Harness):
    """Memory, or a defective subclass of it."""

    def __init__(self, kind: type[MemoryBackend]) -> None:
        self.kind = kind

    def backend(self, site: Site) -> Backend:
        return self.kind(f"memory://{site.name}", namespace=site.namespace, clock=site.clock)


class PlantedStore(Harness):
    """The store of memory, or a defective subclass of it."""

    def __init__(self, kind: type[MemoryStore]) -> None:
        self.kind = kind

    def store(self, site: Site) -> Store:
        return self.kind(f"memory://{site.name}", namespace=site.namespace, clock=site.clock)


def harness_of(kind: type) -> Harness:
    if issubclass(kind, MemoryStore):
        return PlantedStore(kind)
    assert issubclass(kind, MemoryBackend)
    return PlantedBackend(kind)


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize(("name", "defect"), CASES)
def test_machine_finds_a_planted_defect(name: str, defect: type, seed: int) -> None:
    with pytest.raises(WRONG) as found:
        run_machine(name, harness_of(defect), seed=seed, shrink=False)

    assert not str(found.value).startswith("VACUOUS:")


@pytest.mark.parametrize("name", [name for name in MACHINES if name != "lease"])
def test_every_machine_has_defects_to_find(name: str) -> None:
    assert len(PLANTED[name]) >= 2


class RecordingStore(MemoryStore):
    """Writes down what is asked."""

    asked: list[list[str]]

    def get(self, keys: list[str]) -> list[Entry | None]:  # type: ignore[override]
        self.asked.append(list(keys))
        return super().get(keys)


def test_one_seed_gives_the_same_cases_each_time() -> None:
    asked = [asked_with(seed) for seed in (0, 0, 1)]

    assert asked[0] == asked[1]
    assert asked[0] != asked[2]


def asked_with(seed: int) -> list[list[str]]:
    kind = type("Recording", (RecordingStore,), {"asked": []})
    run_machine("store_keys", PlantedStore(kind), seed=seed)
    asked: list[list[str]] = kind.asked  # type: ignore[attr-defined]
    return asked


class IdleMachine(StoreMachine):
    """Has a situation that never comes."""

    situations = {"the moon was full": None}  # noqa: RUF012

    @rule(key=st.just("key"))
    def look(self, key: str) -> None:
        assert self.stores[0].get([key]) == [None]

    def come_to_rest(self) -> None:
        assert self.stores[1].get(["key"]) == [None]


def test_machine_that_missed_a_situation_is_vacuous(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MACHINES, "idle", IdleMachine)

    with pytest.raises(AssertionError, match="^VACUOUS: never reached the moon was full"):
        run_machine("idle", PlantedStore(MemoryStore))


class IgnoresTheClock(PlantedBackend):
    def backend(self, site: Site) -> Backend:
        return MemoryBackend(f"memory://{site.name}", namespace=site.namespace)


def test_machine_is_untested_where_the_clock_cannot_be_moved() -> None:
    with pytest.raises(pytest.skip.Exception, match="^UNTESTED: the clock"):
        run_machine("unique", IgnoresTheClock(MemoryBackend))


class MovesAServersClock(PlantedBackend):
    """A sound backend whose clock goes on by itself and can be moved forward."""

    def __init__(self) -> None:
        super().__init__(MemoryBackend)
        self.clocks: dict[str, MovedClock] = {}

    def backend(self, site: Site) -> Backend:
        clock = self.clocks.setdefault(site.name, MovedClock())
        return MemoryBackend(f"memory://{site.name}", namespace=site.namespace, clock=clock)

    def advance(self, site: Site, seconds: float) -> None:
        self.clocks[site.name].ahead += seconds


class MovedClock(SystemClock):
    ahead = 0.0

    def time(self) -> float:
        return super().time() + self.ahead

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead


@pytest.mark.parametrize("name", ["lease", "order", "schedule"])
def test_machine_fails_no_backend_for_the_time_that_passes_by_itself(name: str) -> None:
    with pytest.raises(pytest.skip.Exception, match="^UNTESTED: time passes"):
        run_machine(name, MovesAServersClock())
