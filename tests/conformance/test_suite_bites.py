"""The suite's own test: each planted defect is failed by the property that forbids it, and by no
unrelated one.
"""

from __future__ import annotations

import msgspec
import pytest

from anyjob.backends.memory import MemoryBackend, MemoryStore
from anyjob.conformance import Harness, Site, run_property
from anyjob.conformance.machines import run_lease_machine
from anyjob.core.backend import Backend
from anyjob.core.clock import SystemClock
from anyjob.core.errors import LeaseLost
from anyjob.core.store import Store
from tests.conformance.broken import jobs, leases, stores
from tests.conformance.wrapped import Memory, WrappedBackend, WrappedConsumer


class Defect(msgspec.Struct, frozen=True):
    """A broken class and the properties that catch it; `spares` is one that has nothing to do with
    it.
    """

    broken: type
    caught_by: tuple[str, ...]
    spares: str = "LIF-3"
    #: What it makes the property fail with.
    error: type[Exception] = AssertionError

    def __str__(self) -> str:
        return self.broken.__name__


#: Of leases and settlements: the state machine catches each of them too, alone.
OF_LEASES = [
    Defect(leases.LosesWhatIsReleased, ("SET-5",)),
    Defect(leases.AcceptsStaleCompletion, ("LSE-4", "LSE-5")),
    Defect(leases.AcceptsStaleBurial, ("LSE-4",)),
    Defect(leases.HidesTheLoss, ("LSE-5", "SET-2")),
    Defect(leases.CountsLapseAsAttempt, ("LSE-8", "DLQ-1")),
    Defect(leases.ForgetsTheLapse, ("LSE-8",)),
    Defect(leases.ReusesTokens, ("LSE-9",)),
    Defect(leases.ExtendAdds, ("LSE-10",)),
    Defect(leases.ExtendDoesNothing, ("LSE-1",)),
    Defect(leases.ExtendTakesBack, ("LSE-6", "LSE-12")),
    Defect(leases.OneLossFailsTheWholeExtend, ("LSE-12",)),
    Defect(leases.SecondSettlementRaises, ("SET-2",), error=LeaseLost),
    Defect(leases.ReleaseCostsAnAttempt, ("SET-5",)),
    Defect(leases.ReleaseGoesToTheTail, ("SET-5",)),
    Defect(leases.DropsTheRetryDelay, ("SET-4",)),
    Defect(leases.DropsTheNote, ("SET-3",)),
    Defect(leases.RetryForgetsThePriority, ("ORD-4",)),
    Defect(leases.DropsChildren, ("SET-7",)),
    Defect(leases.FetchesTooMany, ("FET-2",)),
    Defect(leases.LastInFirstOut, ("ORD-2",)),
    Defect(leases.IgnoresPriority, ("ORD-1",)),
    Defect(leases.LeasesTooShort, ("LSE-2",)),
    Defect(jobs.ReviveKeepsAttempts, ("DLQ-5",)),
    Defect(jobs.PurgeTakesLeasedJobs, ("ADM-2",)),
    Defect(jobs.CancelTakesLeasedJobs, ("ADM-4",)),
    Defect(jobs.CountsOmitLeasedJobs, ("ADM-1",)),
    Defect(jobs.PauseDoesNothing, ("ADM-3",)),
    Defect(jobs.CutsLargeBodies, ("PAY-1",)),
]
OF_JOBS = [
    Defect(leases.LapsesAreFoundLate, ("LSE-3",)),
    Defect(leases.StaleLeaseSpoilsTheBatch, ("SET-6",)),
    Defect(leases.FlushForgets, ("SET-9",)),
    Defect(leases.WaitsToFillUp, ("FET-2",)),
    Defect(leases.Hoards, ("FET-6",)),
    Defect(leases.LosesAWake, ("FET-4",)),
    Defect(leases.LowEndStarves, ("ORD-6",)),
    Defect(leases.KeepsJobsAtClose, ("LIF-2",)),
    Defect(jobs.StoresAnIdTwice, ("ENQ-4",)),
    Defect(jobs.StoresHalfABatch, ("ENQ-5", "UNQ-3")),
    Defect(jobs.ShufflesReceipts, ("ENQ-6",)),
    Defect(jobs.TakesAnyBatch, ("ENQ-6", "CAP-3")),
    Defect(jobs.IgnoresTheTransaction, ("CAP-1", "ENQ-7")),
    Defect(jobs.MixesQueuesByCase, ("ENQ-9",)),
    Defect(jobs.ClampsThePriority, ("ORD-3", "ENQ-3")),
    Defect(jobs.HasThreeBands, ("ORD-3", "CAP-2")),
    Defect(jobs.RoundsDelaysDown, ("TIM-1",)),
    Defect(jobs.IgnoresDelays, ("TIM-1", "TIM-5", "CAP-2")),
    Defect(jobs.DoublesDelays, ("TIM-2",)),
    Defect(jobs.ReadsNaiveInstants, ("TIM-3",)),
    Defect(jobs.NeverFreesAKey, ("UNQ-2",)),
    Defect(jobs.FreesTheKeyAtOnce, ("UNQ-1", "UNQ-4", "CAP-2")),
    Defect(jobs.TakesOneByteTooMany, ("PAY-2",)),
    Defect(jobs.LeaksADriversError, ("CAP-4",), error=ValueError),
    Defect(jobs.RevivesTwice, ("DLQ-5",)),
    Defect(jobs.IgnoresTheEdit, ("DLQ-5",)),
    Defect(jobs.CancelDoesNothing, ("ADM-4",)),
    Defect(jobs.PeekIsADelivery, ("ADM-6",)),
    Defect(jobs.PagesRepeat, ("ADM-5",)),
    Defect(jobs.LosesTheReason, ("DLQ-2",)),
    Defect(jobs.ShowsTheEndBeforeTheOutcome, ("SET-8",)),
    Defect(jobs.LeavesAThread, ("LIF-1", "LIF-5"), spares="ENQ-1"),
    Defect(jobs.StaysOpen, ("LIF-1",)),
    Defect(jobs.DeclaresLess, ("CAP-2",)),
    Defect(jobs.DeclaresMore, ("ORD-3", "CAP-2")),
    Defect(jobs.DeniesWhatItDoes, ("CAP-1", "CAP-2")),
]
OF_STORES = [
    Defect(stores.StripsKeys, ("KEY-1",)),
    Defect(stores.IgnoresConditions, ("KEY-2", "KEY-5")),
    Defect(stores.ReusesVersions, ("KEY-3",)),
    Defect(stores.KeepsForEver, ("KEY-4",)),
    Defect(stores.AnswersBackwards, ("KEY-5",)),
    Defect(stores.ClaimsForEverybody, ("CLM-1", "CLM-3")),
    Defect(stores.OneFence, ("CLM-2",)),
    Defect(stores.CountsRepeats, ("MEM-1", "MEM-2")),
    Defect(stores.LosesIncrements, ("INC-1",)),
    Defect(stores.DueEarly, ("SCH-1",)),
    Defect(stores.TakesForGood, ("SCH-2",)),
    Defect(stores.RepeatsPoints, ("SER-1",)),
]
CAUGHT = [(defect, id) for defect in OF_LEASES + OF_JOBS for id in defect.caught_by]
CAUGHT_IN_STORES = [(defect, id) for defect in OF_STORES for id in defect.caught_by]


class BrokenHarness(Harness):
    """Memory with one defect."""

    def __init__(self, defect: Defect) -> None:
        self.defect = defect
        self.memories: dict[str, Memory] = {}

    def backend(self, site: Site) -> Backend:
        inner = MemoryBackend(f"memory://{site.name}", namespace=site.namespace, clock=site.clock)
        clock = site.clock or SystemClock()
        memory = self.memories.setdefault(f"{site.name} {site.namespace}", Memory(clock))
        if issubclass(self.defect.broken, WrappedBackend):
            broken: Backend = self.defect.broken(inner, memory)
            return broken
        assert issubclass(self.defect.broken, WrappedConsumer)
        kind = type("Broken", (WrappedBackend,), {"consumer": self.defect.broken})
        wrapped: Backend = kind(inner, memory)
        return wrapped


class BrokenStoreHarness(Harness):
    """The memory store with one defect."""

    def __init__(self, defect: Defect) -> None:
        self.defect = defect

    def store(self, site: Site) -> Store:
        inner = MemoryStore(f"memory://{site.name}", namespace=site.namespace, clock=site.clock)
        store: Store = self.defect.broken(inner)
        return store


class SoundHarness(BrokenHarness):
    """Memory behind the same wrapping, with nothing broken."""

    def __init__(self) -> None:
        super().__init__(Defect(WrappedBackend, ()))


@pytest.mark.parametrize(("defect", "property_id"), CAUGHT, ids=str)
def test_defect_is_failed_by_its_property(defect: Defect, property_id: str) -> None:
    with pytest.raises((defect.error, pytest.fail.Exception)) as caught:
        run_property(property_id, BrokenHarness(defect))

    assert "VACUOUS" not in str(caught.value)


@pytest.mark.parametrize(("defect", "property_id"), CAUGHT_IN_STORES, ids=str)
def test_defect_of_a_store_is_failed_by_its_property(defect: Defect, property_id: str) -> None:
    with pytest.raises((AssertionError, pytest.fail.Exception)) as caught:
        run_property(property_id, BrokenStoreHarness(defect))

    assert "VACUOUS" not in str(caught.value)


@pytest.mark.parametrize("defect", OF_LEASES + OF_JOBS, ids=str)
def test_defect_is_spared_by_an_unrelated_property(defect: Defect) -> None:
    run_property(defect.spares, BrokenHarness(defect))


@pytest.mark.parametrize("defect", OF_LEASES, ids=str)
def test_lease_machine_alone_catches_a_defect_of_leases(defect: Defect) -> None:
    with pytest.raises((AssertionError, defect.error)) as caught:
        run_lease_machine(BrokenHarness(defect), shrink=False)

    assert "VACUOUS" not in str(caught.value)


@pytest.mark.parametrize("property_id", sorted({id for _, id in CAUGHT}))
def test_wrapping_alone_breaks_no_property(property_id: str) -> None:
    run_property(property_id, SoundHarness())


def test_wrapping_alone_does_not_break_the_machine() -> None:
    run_lease_machine(SoundHarness())
