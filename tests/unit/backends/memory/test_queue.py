"""What only the memory backend promises about its queues: exact places, ages and bounds."""

import time
from threading import Thread

import pytest

from anyjob.backends.memory import MemoryBackend
from anyjob.backends.memory.queue import DEDUP_WINDOW, SLACK, Queue
from anyjob.conformance.clock import FakeClock
from anyjob.core.backend import Consumer, QueueShare
from anyjob.core.envelope import ACCEPTED, Duplicate, Envelope, Unique
from anyjob.core.errors import InvalidOption, UnsupportedCapability
from anyjob.core.settlement import Answer, Complete, Lease, Release, Retry
from anyjob.core.state import State


def add(backend: MemoryBackend, *ids: str, priority: int = 5, due: float | None = None) -> None:
    backend.enqueue([Envelope(id, "q", id.encode(), priority, due) for id in ids])


def consume(backend: MemoryBackend) -> Consumer:
    return backend.consume([QueueShare("q")], lease=30, worker="w")


def ids(leases: list[Lease]) -> list[str]:
    return [lease.id for lease in leases]


def inside(backend: MemoryBackend) -> Queue:
    """The queue itself: how much it keeps shows nowhere else."""
    return backend._place.space().queues["q"]  # noqa: SLF001


def test_jobs_that_come_back_take_their_own_places_again(backend: MemoryBackend) -> None:
    add(backend, "a", "b", "c", "d")
    consumer = consume(backend)
    a, b, c = consumer.fetch(3, 0)

    for lease in (b, a, c):
        consumer.settle([Release(lease=lease)])
        consumer.flush(1)

    assert ids(consumer.fetch(9, 0)) == ["a", "b", "c", "d"]


def test_lapsed_jobs_come_back_ahead_of_later_ones(
    backend: MemoryBackend, clock: FakeClock
) -> None:
    add(backend, "a", "b", "c")
    consumer = consume(backend)
    consumer.fetch(2, 0)

    clock.advance(30)

    assert ids(consumer.fetch(9, 0)) == ["a", "b", "c"]


def test_a_retried_job_goes_behind_those_that_wait(backend: MemoryBackend) -> None:
    add(backend, "a", "b")
    consumer = consume(backend)
    consumer.settle([Retry(lease=lease) for lease in consumer.fetch(1, 0)])

    assert ids(consumer.fetch(9, 0)) == ["b", "a"]


def test_a_fetch_is_ordered_by_priority_with_the_low_end_in_it(backend: MemoryBackend) -> None:
    for priority in (9, 0, 5):
        add(backend, *(f"{priority}-{n:02}" for n in range(40)), priority=priority)

    got = ids(consume(backend).fetch(32, 0))

    # Two of 32: one looked for from 0 up, the other from 1 up.
    assert got == [f"9-{n:02}" for n in range(30)] + ["5-00", "0-00"]


def test_the_oldest_ready_job_is_found_among_returned_promoted_and_new_ones(
    backend: MemoryBackend, clock: FakeClock
) -> None:
    add(backend, "old")
    add(backend, "scheduled", due=20)
    consumer = consume(backend)
    (lease,) = consumer.fetch(1, 0)
    clock.advance(10)
    add(backend, "new")
    clock.advance(15)
    assert backend.counts("q").oldest_ready_age == 15.0

    consumer.settle([Release(lease=lease)])
    consumer.flush(1)
    clock.advance(1)
    new, old = (lease for lease in consumer.fetch(2, 0) if lease.id != "scheduled")
    assert {new.id, old.id} == {"old", "new"}
    assert backend.counts("q").oldest_ready_age == 6.0

    consumer.settle([Release(lease=new), Release(lease=old)])
    consumer.flush(1)
    assert backend.counts("q").oldest_ready_age == 6.0


def test_a_lapsed_lease_that_nobody_took_may_still_settle(
    backend: MemoryBackend, clock: FakeClock
) -> None:
    add(backend, "a")
    consumer = consume(backend)
    (lease,) = consumer.fetch(1, 0)

    clock.advance(31)
    consumer.settle([Complete(lease=lease)])

    assert [settled.answer for settled in consumer.flush(1)] == [Answer.DONE]


def test_children_may_take_the_unique_key_that_their_parent_frees(backend: MemoryBackend) -> None:
    backend.enqueue([Envelope("parent", "q", b"", unique=Unique("key"))])
    consumer = consume(backend)
    (lease,) = consumer.fetch(1, 0)

    child = Envelope("child", "q", b"", unique=Unique("key"))
    consumer.settle([Complete(lease=lease, then=(child,))])

    assert ids(consumer.fetch(9, 0)) == ["child"]


def test_an_ended_id_is_known_for_its_window_and_forgotten_without_maintenance(
    backend: MemoryBackend, clock: FakeClock
) -> None:
    consumer = consume(backend)
    for round in range(10):
        add(backend, *(f"{round}-{n}" for n in range(100)))
        consumer.settle([Complete(lease=lease) for lease in consumer.fetch(100, 0)])
        consumer.flush(1)
        clock.advance(DEDUP_WINDOW / 2)

    assert len(inside(backend).jobs) == 200
    assert backend.enqueue([Envelope("9-0", "q", b"")]) == [Duplicate("9-0")]
    assert backend.enqueue([Envelope("8-0", "q", b"")]) == [ACCEPTED]


def test_maintenance_forgets_outcomes_that_were_kept_longer(
    backend: MemoryBackend, clock: FakeClock
) -> None:
    add(backend, "a")
    consumer = consume(backend)
    consumer.settle(
        [Complete(lease=lease, outcome=b"42", keep=3600) for lease in consumer.fetch(1, 0)]
    )
    consumer.flush(1)

    clock.advance(3599)
    backend.maintain(1)
    (kept,) = backend.get("q", ["a"])
    clock.advance(1)
    backend.maintain(1)

    assert kept is not None
    assert kept.outcome == b"42"
    assert backend.get("q", ["a"]) == [None]
    assert not inside(backend).jobs


def test_extending_for_ever_keeps_no_more_than_a_bounded_number_of_entries(
    backend: MemoryBackend, clock: FakeClock
) -> None:
    add(backend, *(f"{n}" for n in range(100)))
    consumer = consume(backend)
    leases = consumer.fetch(100, 0)

    for _ in range(1000):
        clock.advance(0.01)
        assert consumer.extend(leases, 30) == []

    assert inside(backend)._in_lots <= 10 * SLACK + 5 * len(leases)  # noqa: SLF001
    clock.advance(29.9)
    assert consumer.fetch(100, 0) == []
    clock.advance(0.1)
    assert len(consumer.fetch(200, 0)) == 100


def test_cancelling_a_backlog_that_nobody_fetches_frees_it(
    backend: MemoryBackend, clock: FakeClock
) -> None:
    names = [f"{n}" for n in range(3 * SLACK)]
    for start in range(0, len(names), SLACK):
        add(backend, *(f"r{name}" for name in names[start : start + SLACK]))
        add(backend, *(f"s{name}" for name in names[start : start + SLACK]), due=60)

    backend.cancel("q", [f"{kind}{name}" for kind in "rs" for name in names])

    queue = inside(backend)
    assert sum(len(line.jobs) for line in queue.lines) <= SLACK
    assert len(queue.due) <= SLACK
    assert backend.counts("q").ready == backend.counts("q").scheduled == 0


def test_a_cancelled_job_is_stepped_over_by_the_fetch_and_by_the_low_end(
    backend: MemoryBackend,
) -> None:
    add(backend, *(f"0-{n}" for n in range(20)), priority=0)
    backend.cancel("q", ["0-0", "0-1"])

    assert ids(consume(backend).fetch(20, 0)) == [f"0-{n}" for n in range(2, 20)]


@pytest.mark.parametrize(
    ("state", "cursor"),
    [
        (State.READY, "nonsense"),
        (State.READY, "77:1"),
        (State.SCHEDULED, "1.0"),
        (State.DEAD, "x"),
    ],
)
def test_a_cursor_of_another_listing_is_refused(
    backend: MemoryBackend, state: State, cursor: str
) -> None:
    add(backend, "a")

    with pytest.raises(InvalidOption, match="expected a cursor"):
        backend.browse("q", state, cursor, 10)


def test_a_transaction_is_refused_before_any_effect(backend: MemoryBackend) -> None:
    with pytest.raises(UnsupportedCapability):
        backend.enqueue([Envelope("a", "q", b"")], transaction=object())

    assert backend.queues() == set()


@pytest.mark.parametrize(
    "shares", [[], [QueueShare("q"), QueueShare("q")], [QueueShare("q", weight=0)]]
)
def test_shares_that_divide_nothing_are_refused(
    backend: MemoryBackend, shares: list[QueueShare]
) -> None:
    with pytest.raises(InvalidOption, match="expected"):
        backend.consume(shares, lease=30, worker="w")


def test_looking_at_an_unknown_queue_makes_none(backend: MemoryBackend) -> None:
    backend.counts("q")
    backend.browse("q", State.READY, None, 10)
    backend.get("q", ["a"])
    backend.cancel("q", ["a"])
    backend.resume("q")

    assert backend.purge("q", [State.READY]) == 0
    assert backend.revive("q", None) == backend.discard("q", None) == 0
    assert backend.queues() == set()


def test_a_wait_for_an_end_is_over_when_the_backend_closes() -> None:
    backend = MemoryBackend("memory://")
    backend.open()
    add(backend, "a")
    answers: list[object] = []
    waiter = Thread(target=lambda: answers.extend(backend.get("q", ["a"], wait=60)))
    waiter.start()

    deadline = time.monotonic() + 10
    while waiter.is_alive() and time.monotonic() < deadline:
        backend.close()
        waiter.join(0.01)
        backend.open()

    assert not waiter.is_alive()
    backend.close()


def test_a_crowd_of_lapsed_jobs_comes_back_in_order_page_by_page(
    backend: MemoryBackend, clock: FakeClock
) -> None:
    names = [f"{n:05}" for n in range(5 * SLACK)]
    consumer = consume(backend)
    for start in range(0, len(names), SLACK):
        add(backend, *names[start : start + SLACK])
    while consumer.fetch(700, 0):
        clock.advance(0.001)

    clock.advance(30)
    while backend.maintain(0) == 0.0:
        pass

    assert [name for _ in names if (got := ids(consumer.fetch(1, 0))) for name in got] == names
