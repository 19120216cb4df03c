"""Enqueues whose fate is unknown."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from anyjob.app.send import lots_of, send
from anyjob.backends.memory import MemoryBackend
from anyjob.core.backend import QueueSpec
from anyjob.core.envelope import Duplicate, Envelope, Receipt
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
