"""Enqueues whose fate is unknown."""

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Any

import msgspec
import pytest

from anyjob.app.send import Publisher, asend, lots_of, send
from anyjob.backends.memory import MemoryBackend
from anyjob.core.backend import Backend, QueueSpec
from anyjob.core.envelope import ACCEPTED, Duplicate, Envelope, Receipt
from anyjob.core.errors import BackendUnavailable, EnqueueUncertain


class Unsure(MemoryBackend):
    """Stores, and loses its first answers."""

    def __init__(self, lost: int = 1, *, dedup: str = "window") -> None:
        super().__init__("memory://")
        self.lost = lost
        self.capabilities = msgspec.structs.replace(self.capabilities, dedup=dedup)
        self.open()
        self.declare([QueueSpec("mail")])

    def enqueue(self, jobs: Sequence[Envelope], *, transaction: Any = None) -> list[Receipt]:
        receipts = super().enqueue(jobs)
        if self.lost:
            self.lost -= 1
            raise EnqueueUncertain("no answer", jobs)
        return receipts


JOB = Envelope("0199-one", "mail", b"body")


def test_lost_answer_is_asked_for_once_more_and_the_job_stored_once() -> None:
    backend = Unsure()

    assert send(backend, [JOB]) == [Duplicate(JOB.id)]
    assert backend.counts("mail").ready == 1


def test_answer_that_is_lost_twice_is_told_with_what_was_sent() -> None:
    with pytest.raises(EnqueueUncertain) as error:
        send(Unsure(lost=2), [JOB])

    assert error.value.envelopes == (JOB,)


def test_nothing_is_sent_twice_where_the_backend_would_store_it_twice() -> None:
    backend = Unsure(dedup="none")

    with pytest.raises(EnqueueUncertain):
        send(backend, [JOB])
    assert backend.lost == 0


def test_nothing_is_sent_twice_in_a_transaction_of_the_callers() -> None:
    with pytest.raises(EnqueueUncertain):
        send(Unsure(), [JOB], transaction=object())


class OwnWay(Unsure):
    """Has a way of its own for event loops."""

    def aenqueue(self, jobs: Sequence[Envelope]) -> Awaitable[list[Receipt]]:
        async def stored() -> list[Receipt]:
            return self.enqueue(jobs)

        return stored()


def sent(backend: Backend) -> Receipt:
    """The answer to JOB from a loop; who has no way of its own goes by a publisher."""
    publisher = Publisher(lambda lot: [Duplicate("by the publisher") for _ in lot], 10)

    async def main() -> Receipt:
        return await asend(backend, JOB, publisher)

    try:
        return asyncio.run(main())
    finally:
        publisher.close()


def test_backend_without_a_way_of_its_own_is_called_by_the_publisher() -> None:
    assert sent(Unsure(lost=0)) == Duplicate("by the publisher")


def test_loop_goes_by_the_backends_own_way_and_asks_once_more_for_a_lost_answer() -> None:
    assert sent(OwnWay(lost=0)) == ACCEPTED
    assert sent(OwnWay(lost=1)) == Duplicate(JOB.id)


def test_loop_is_told_of_an_answer_that_is_lost_twice() -> None:
    with pytest.raises(EnqueueUncertain) as error:
        sent(OwnWay(lost=2))

    assert error.value.envelopes == (JOB,)


def test_loop_sends_nothing_twice_where_the_backend_would_store_it_twice() -> None:
    backend = OwnWay(lost=2, dedup="none")

    with pytest.raises(EnqueueUncertain):
        sent(backend)
    assert backend.lost == 1


def test_doubt_of_a_loop_outlives_a_second_time_that_reached_nobody() -> None:
    class Gone(OwnWay):
        def aenqueue(self, jobs: Sequence[Envelope]) -> Awaitable[list[Receipt]]:
            if not self.lost:
                raise BackendUnavailable("nobody is there")
            return super().aenqueue(jobs)

    backend = Gone()

    with pytest.raises(EnqueueUncertain):
        sent(backend)
    assert backend.counts("mail").ready == 1


def test_stream_is_cut_into_lots() -> None:
    assert list(lots_of(iter(range(5)), 2)) == [[0, 1], [2, 3], [4]]
    assert list(lots_of([], 2)) == []


def test_doubt_about_the_first_time_outlives_a_second_that_reached_nobody() -> None:
    class Gone(Unsure):
        def enqueue(self, jobs: Sequence[Envelope], *, transaction: Any = None) -> list[Receipt]:
            if not self.lost:
                raise BackendUnavailable("nobody is there")
            return super().enqueue(jobs, transaction=transaction)

    backend = Gone()

    with pytest.raises(EnqueueUncertain) as error:
        send(backend, [JOB])

    assert error.value.envelopes == (JOB,)
    assert backend.counts("mail").ready == 1


def test_doubt_about_a_lot_is_told_to_each_with_what_is_its_own() -> None:
    def store(lot: list[Envelope]) -> list[Receipt]:
        raise EnqueueUncertain("no answer", lot)

    publisher = Publisher(store, 10)
    other = Envelope("0199-two", "mail", b"body")

    async def main() -> list[Receipt | BaseException]:
        wishes = [publisher.publish(each) for each in (JOB, other)]
        return await asyncio.gather(*wishes, return_exceptions=True)

    try:
        told = asyncio.run(main())
    finally:
        publisher.close()
    assert [error.envelopes for error in told] == [(JOB,), (other,)]  # type: ignore[union-attr]
