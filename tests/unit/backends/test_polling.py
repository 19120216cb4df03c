"""A polling consumer beside its backend: what no storage has to do with."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from anyjob.backends import (
    ACCEPTED,
    Answer,
    BackendUnavailable,
    Complete,
    Consumer,
    Envelope,
    InvalidOption,
    Lease,
    QueueShare,
    Rejected,
    Settlement,
)
from filebox.backend import FileBackend, Ticket

IDS = [f"01890a5d-ac96-774b-bcce-{number:012x}" for number in range(40)]


class Shaky(FileBackend):
    """A filebox whose disk can fail."""

    broken = False
    rejects = False
    leased_before_it_breaks = 0

    def lease(self, queue: str, seconds: float) -> Iterator[tuple[Lease, Ticket]]:
        found = super().lease(queue, seconds)
        if self.broken:
            yield from islice(found, self.leased_before_it_breaks)
            raise BackendUnavailable("out of reach")
        yield from found

    def end(self, hold: Ticket, settlement: Settlement) -> Ticket | None:
        if self.broken:
            raise BackendUnavailable("out of reach")
        return super().end(hold, settlement)

    def enqueue(self, jobs: Any, *, transaction: Any = None) -> Any:
        if self.rejects:
            return [ACCEPTED] * (len(jobs) - 1) + [Rejected("no room")]
        return super().enqueue(jobs, transaction=transaction)


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[Shaky]:
    backend = Shaky(f"filebox:///{tmp_path}/jobs")
    backend.open()
    yield backend
    backend.close()


def put(backend: FileBackend, ids: Sequence[str], queue: str = "line") -> None:
    jobs = [Envelope(id=job_id, queue=queue, body=b"body") for job_id in ids]
    assert backend.enqueue(jobs) == [ACCEPTED] * len(ids)


def consume(backend: FileBackend, *shares: QueueShare, lease: float = 30.0) -> Consumer:
    return backend.consume(shares or [QueueShare("line")], lease=lease, worker="worker")


def settled(consumer: Consumer, *settlements: Settlement) -> list[Answer]:
    consumer.settle(settlements)
    return [each.answer for each in consumer.flush(5.0)]


def test_each_fetch_is_divided_by_weight_among_the_queues_that_have_jobs(backend: Shaky) -> None:
    for queue in ("light", "heavy"):
        put(backend, IDS, queue)
    consumer = consume(backend, QueueShare("light"), QueueShare("heavy", 3), QueueShare("idle", 9))

    leases = consumer.fetch(16, 0.0)

    assert Counter(lease.queue for lease in leases) == {"light": 4, "heavy": 12}


def test_leases_taken_before_the_backend_failed_are_returned(backend: Shaky) -> None:
    put(backend, IDS[:3])
    backend.broken, backend.leased_before_it_breaks = True, 2
    consumer = consume(backend)

    assert len(consumer.fetch(3, 0.0)) == 2

    backend.leased_before_it_breaks = 0
    with pytest.raises(BackendUnavailable):
        consumer.fetch(3, 0.0)


def test_settlement_that_met_an_error_is_unknown_and_may_be_sent_again(backend: Shaky) -> None:
    put(backend, IDS[:1])
    consumer = consume(backend)
    complete = Complete(lease=consumer.fetch(1, 0.0)[0])

    backend.broken = True
    assert settled(consumer, complete) == [Answer.UNKNOWN]

    backend.broken = False
    assert settled(consumer, complete) == [Answer.DONE]


def test_flush_whose_time_is_over_says_unknown_and_sends_nothing(backend: Shaky) -> None:
    put(backend, IDS[:1])
    consumer = consume(backend)
    consumer.settle([Complete(lease=consumer.fetch(1, 0.0)[0])])

    assert [each.answer for each in consumer.flush(0.0)] == [Answer.UNKNOWN]

    assert backend.counts("line").leased == 1


def test_job_stays_leased_when_its_children_are_not_all_stored(backend: Shaky) -> None:
    put(backend, IDS[:1])
    consumer = consume(backend)
    child = Envelope(id=IDS[1], queue="line", body=b"child")
    complete = Complete(lease=consumer.fetch(1, 0.0)[0], then=(child,))

    backend.rejects = True
    assert settled(consumer, complete) == [Answer.UNKNOWN]
    assert backend.counts("line").leased == 1

    backend.rejects = False
    assert settled(consumer, complete) == [Answer.DONE]
    assert backend.counts("line").ready == 1


def test_close_leaves_what_it_cannot_give_back_to_run_out(backend: Shaky) -> None:
    put(backend, IDS[:2])
    consumer = consume(backend)
    consumer.fetch(2, 0.0)
    backend.broken = True

    consumer.close(release=True)

    assert backend.counts("line").leased == 2


def test_credit_and_lease_out_of_range_are_refused(backend: Shaky) -> None:
    with pytest.raises(InvalidOption):
        consume(backend, lease=0.0)
    with pytest.raises(InvalidOption):
        consume(backend).fetch(0, 0.0)
    with pytest.raises(InvalidOption):
        consume(backend).extend([], -1.0)
