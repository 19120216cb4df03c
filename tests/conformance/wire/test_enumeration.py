"""Enumeration alone finds what is lost, doubled or half done at a crash, and misses no request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from anyjob.conformance import Harness, Site, run_property
from anyjob.conformance.clock import FakeClock
from anyjob.conformance.crash import Scenario, crash_points
from anyjob.conformance.crash.scenarios import (
    ADMINISTRATION,
    BATCHES,
    BURIALS,
    ENQUEUES,
    FETCHES,
    KEYS,
    SETTLEMENTS,
)
from anyjob.conformance.scene import Scene
from anyjob.core.envelope import Envelope, Receipt
from anyjob.core.errors import BackendUnavailable, EnqueueUncertain
from anyjob.core.settlement import Answer, Settled
from tests.conformance.test_memory import MemoryHarness
from tests.conformance.test_sqlite import SQLiteHarness
from tests.conformance.wire import surgery
from tests.conformance.wire.client import LineBackend, LineConsumer
from tests.conformance.wire.harness import WiredHarness


def points(harness: Harness, scenarios: Sequence[Scenario]) -> int:
    with Scene(harness, FakeClock()) as scene:
        return crash_points(scene, scenarios)


@pytest.mark.parametrize(
    ("kind", "scenarios", "words"),
    [
        (surgery.PopsThenRecords, FETCHES, "fetch of one of three jobs, deaths.*nowhere"),
        (surgery.RemovesBeforeItAddsAgain, SETTLEMENTS, "retry of two jobs.*nowhere"),
        (surgery.DeletesThenBuries, BURIALS, "bury of two jobs.*nowhere"),
        (surgery.SettlesBeforeItsChildren, SETTLEMENTS, "its settled job has 0 of 2 children"),
        (surgery.FreesTheKeyFirst, KEYS, "complete of the holder of a key.*neither as before"),
        (surgery.StoresABatchOneByOne, BATCHES, "enqueue of a batch.*it is half done"),
        (surgery.RevivesByRemoving, ADMINISTRATION, "revive of one with another body.*nowhere"),
    ],
)
def test_defect_between_two_steps_is_found_by_enumeration_alone(
    kind: type[surgery.TornBackend], scenarios: Sequence[Scenario], words: str
) -> None:
    with pytest.raises(AssertionError, match=f"(?s){words}"):
        points(surgery.harness_of(kind), scenarios)


@pytest.mark.parametrize(
    ("kind", "property_id"),
    [
        (surgery.DeletesThenBuries, "DLQ-3"),
        (surgery.PopsThenRecords, "CRS-1"),
        (surgery.RevivesByRemoving, "CRS-2"),
    ],
)
def test_property_that_forbids_it_fails(kind: type[surgery.TornBackend], property_id: str) -> None:
    with pytest.raises(AssertionError, match="deaths, (before|after) request"):
        run_property(property_id, surgery.harness_of(kind))


def test_request_that_is_added_raises_the_number_of_points() -> None:
    plain = points(surgery.harness_of(surgery.TornBackend), ENQUEUES[:1])

    assert points(surgery.harness_of(surgery.AsksOnceMore), ENQUEUES[:1]) >= plain + 2


def test_each_kind_of_reach_has_its_points() -> None:
    calls, deaths, cuts = (
        points(harness, FETCHES[:1])
        for harness in (MemoryHarness(), SQLiteHarness(), WiredHarness())
    )

    assert calls == 2
    assert deaths >= 10
    assert cuts >= 3


def test_enumeration_is_done_once_for_a_harness() -> None:
    harness = surgery.harness_of(surgery.TornBackend)
    first = points(harness, FETCHES[:1])

    type(harness).backend = None  # type: ignore[method-assign, assignment]

    like = Scene(SQLiteHarness(), FakeClock())
    with like:
        like.harness = harness
        assert crash_points(like, FETCHES[:1]) == first


# Of the wire


class Resends(LineBackend):
    """Sends an enqueue once more when its answer was lost."""

    def enqueue(self, jobs: Sequence[Envelope], *, transaction: Any = None) -> list[Receipt]:
        try:
            return super().enqueue(jobs, transaction=transaction)
        except EnqueueUncertain:
            return super().enqueue(jobs, transaction=transaction)


class SaysNothingWasDone(LineBackend):
    """Takes a lost answer for a refusal."""

    def enqueue(self, jobs: Sequence[Envelope], *, transaction: Any = None) -> list[Receipt]:
        try:
            return super().enqueue(jobs, transaction=transaction)
        except EnqueueUncertain as error:
            raise BackendUnavailable("no answer, so nothing was done") from error


class LeaksTheDriversError(LineBackend):
    """Hands on what its sockets raise."""

    def counts(self, queue: str) -> Any:
        try:
            return super().counts(queue)
        except BackendUnavailable as error:
            raise ConnectionError("of a driver") from error


class TakesSilenceForDone(LineConsumer):
    def flush(self, deadline: float) -> list[Settled]:
        return [Settled(each.settlement, Answer.DONE) for each in super().flush(deadline)]


def wired(backend: type[LineBackend], consumer: type[LineConsumer] | None = None) -> Harness:
    """The wired pair with one part changed."""

    class Consuming(backend):  # type: ignore[misc, valid-type]
        def consume(self, *arguments: Any, **named: Any) -> Any:
            made = super().consume(*arguments, **named)
            if consumer is not None:
                made.__class__ = consumer
            return made

    class ChangedHarness(WiredHarness):
        def backend(self, site: Site) -> LineBackend:
            made: LineBackend = Consuming(str(site.url), namespace=site.namespace, clock=site.clock)
            return made

    return ChangedHarness()


@pytest.mark.parametrize(
    ("harness", "property_id", "words"),
    [
        (wired(Resends), "CRS-9", "sent again in secret"),
        (wired(SaysNothingWasDone), "CRS-1", "it was refused without effect"),
        (wired(SaysNothingWasDone), "ENQ-3", "EnqueueUncertain|nothing was done"),
        (wired(LeaksTheDriversError), "CRS-4", "of a driver"),
        (wired(LineBackend, TakesSilenceForDone), "CRS-3", "UNKNOWN"),
    ],
)
def test_defect_of_a_client_is_found_on_the_wire(
    harness: Harness, property_id: str, words: str
) -> None:
    with pytest.raises(Exception, match=words):
        run_property(property_id, harness)
