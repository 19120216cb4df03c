"""A cancelled job stays in its list until it comes up: nobody sees it, and its id may return."""

import pytest

from anyjob.backends.redis import RedisBackend
from anyjob.conformance.clock import FakeClock
from anyjob.conformance.servers.own_process import Running
from anyjob.core.backend import CancelResult, Consumer, QueueShare
from anyjob.core.envelope import ACCEPTED, Duplicate, Envelope, Unique
from anyjob.core.settlement import Answer, Bury, Complete, Release
from anyjob.core.state import State
from tests.unit.backends.redis.conftest import MakeJob, Open


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def backend(opened: Open, server: Running, clock: FakeClock) -> RedisBackend:
    """Forgets what ended after a second."""
    return opened(f"{server.url}?dedup_window=1", clock=clock)


@pytest.fixture
def jobs(backend: RedisBackend, job: MakeJob) -> list[Envelope]:
    """Six that are ready; the first, the third, the fourth and the last are cancelled."""
    jobs = [job() for _ in range(6)]
    backend.enqueue(jobs)
    gone = [jobs[at].id for at in (0, 2, 3, 5)]
    assert backend.cancel("mail", gone) == [CancelResult.CANCELLED] * 4
    return jobs


def browsed(backend: RedisBackend, limit: int) -> list[str]:
    found: list[str] = []
    page = backend.browse("mail", State.READY, None, limit)
    found += [record.id for record in page.records]
    while page.cursor is not None:
        page = backend.browse("mail", State.READY, page.cursor, limit)
        found += [record.id for record in page.records]
    return found


def fetched(consumer: Consumer, credit: int) -> list[str]:
    found: list[str] = []
    while leases := consumer.fetch(credit, 0):
        found += [lease.id for lease in leases]
        consumer.settle([Complete(lease=lease) for lease in leases])
    return found


def test_ghosts_are_not_counted(backend: RedisBackend, jobs: list[Envelope]) -> None:
    assert backend.counts("mail").ready == 2
    assert backend.queues() == {"mail"}


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_ghosts_are_not_shown_on_pages_of_any_size(
    backend: RedisBackend, jobs: list[Envelope], limit: int
) -> None:
    assert browsed(backend, limit) == [jobs[1].id, jobs[4].id]


@pytest.mark.parametrize("credit", [1, 2, 100])
def test_ghosts_are_not_fetched(
    backend: RedisBackend, consumer: Consumer, jobs: list[Envelope], credit: int
) -> None:
    assert fetched(consumer, credit) == [jobs[1].id, jobs[4].id]
    assert backend.counts("mail").ready == 0


def test_oldest_of_what_is_ready_is_no_ghost(
    backend: RedisBackend, clock: FakeClock, job: MakeJob
) -> None:
    old, new = job(), job()
    backend.enqueue([old])
    clock.advance(10)
    backend.enqueue([new])
    clock.advance(10)
    backend.cancel("mail", [old.id])

    assert backend.counts("mail").oldest_ready_age == pytest.approx(10)


def test_queue_of_ghosts_alone_is_empty(
    backend: RedisBackend, consumer: Consumer, job: MakeJob
) -> None:
    jobs = [job(priority=priority) for priority in range(10)]
    backend.enqueue(jobs)
    backend.cancel("mail", [each.id for each in jobs])

    found = backend.counts("mail")
    assert (found.ready, found.oldest_ready_age) == (0, None)
    assert backend.browse("mail", State.READY, None, 1).records == []
    assert backend.purge("mail", [State.READY]) == 0
    assert consumer.fetch(1, 0) == []


def test_purge_counts_no_ghosts(backend: RedisBackend, jobs: list[Envelope]) -> None:
    assert backend.purge("mail", [State.READY]) == 2
    assert backend.counts("mail").ready == 0


def test_id_of_a_ghost_is_known_for_the_window_and_then_a_new_job(
    backend: RedisBackend, consumer: Consumer, jobs: list[Envelope], clock: FakeClock
) -> None:
    assert backend.enqueue(jobs[:1]) == [Duplicate(jobs[0].id)]
    clock.advance(2.1)
    assert backend.enqueue([jobs[3], jobs[0]]) == [ACCEPTED] * 2

    assert backend.counts("mail").ready == 4
    expected = [jobs[1].id, jobs[4].id, jobs[3].id, jobs[0].id]
    assert browsed(backend, 1) == expected
    assert fetched(consumer, 1) == expected


def test_id_that_is_cancelled_again_and_again_runs_once(
    backend: RedisBackend, consumer: Consumer, clock: FakeClock, job: MakeJob
) -> None:
    one, other = job(), job()
    for _ in range(3):
        backend.enqueue([one])
        backend.cancel("mail", [one.id])
        clock.advance(2.1)
    backend.enqueue([other, one])

    assert backend.counts("mail").ready == 2
    assert browsed(backend, 1) == [other.id, one.id]
    assert fetched(consumer, 1) == [other.id, one.id]


def test_ghost_of_a_job_that_was_returned_hides_no_other(
    backend: RedisBackend, consumer: Consumer, clock: FakeClock, job: MakeJob
) -> None:
    one, other = job(), job()
    backend.enqueue([one, other])
    [lease] = consumer.fetch(1, 0)
    consumer.settle([Release(lease=lease)])
    assert [each.answer for each in consumer.flush(5)] == [Answer.DONE]
    backend.cancel("mail", [one.id])
    clock.advance(2.1)
    backend.enqueue([one])

    assert fetched(consumer, 1) == [other.id, one.id]


def test_ghost_of_another_priority_hides_no_job(
    backend: RedisBackend, consumer: Consumer, clock: FakeClock, job: MakeJob
) -> None:
    one = job(priority=2)
    backend.enqueue([one])
    backend.cancel("mail", [one.id])
    clock.advance(2.1)
    again = Envelope(one.id, "mail", b"again", priority=8)

    assert backend.enqueue([again]) == [ACCEPTED]
    assert fetched(consumer, 1) == [one.id]


def test_cancelled_job_frees_its_unique_key(backend: RedisBackend, job: MakeJob) -> None:
    one, other = job(unique=Unique("order 7")), job(unique=Unique("order 7"))
    backend.enqueue([one])
    assert backend.enqueue([other]) == [Duplicate(one.id)]

    backend.cancel("mail", [one.id])

    assert backend.enqueue([other]) == [ACCEPTED]


def test_cancelled_job_is_shown_as_such_for_its_time(
    backend: RedisBackend, clock: FakeClock, job: MakeJob
) -> None:
    one, scheduled = job(), job(due=60.0)
    backend.enqueue([one, scheduled])
    backend.cancel("mail", [one.id, scheduled.id], keep=10)
    clock.advance(9)
    shown = backend.get("mail", [one.id, scheduled.id])
    clock.advance(2)

    assert [record and record.state for record in shown] == [State.CANCELLED] * 2
    assert backend.get("mail", [one.id, scheduled.id]) == [None, None]
    assert backend.cancel("mail", [one.id]) == [CancelResult.UNKNOWN]


def test_revived_job_can_be_cancelled(
    backend: RedisBackend, consumer: Consumer, job: MakeJob
) -> None:
    one, other = job(), job()
    backend.enqueue([one])
    consumer.settle([Bury(lease=lease, reason="why") for lease in consumer.fetch(1, 0)])
    consumer.flush(5)
    backend.revive("mail", None)
    backend.enqueue([other])

    assert backend.cancel("mail", [one.id]) == [CancelResult.CANCELLED]
    assert fetched(consumer, 10) == [other.id]


@pytest.fixture
def forgetful(opened: Open, server: Running, clock: FakeClock) -> RedisBackend:
    return opened(f"{server.url}?dedup_window=0", clock=clock)


def test_without_a_window_an_id_is_free_once_its_job_ended(
    forgetful: RedisBackend, job: MakeJob
) -> None:
    assert forgetful.capabilities.dedup == "none"
    one, other = job(), job()
    forgetful.enqueue([one, other])
    assert forgetful.enqueue([one]) == [Duplicate(one.id)]
    consumer = forgetful.consume([QueueShare("mail")], lease=30, worker="worker-1")
    consumer.settle([Complete(lease=lease) for lease in consumer.fetch(1, 0)])
    consumer.flush(5)
    forgetful.cancel("mail", [other.id])

    assert forgetful.get("mail", [one.id, other.id]) == [None, None]
    assert forgetful.cancel("mail", [one.id]) == [CancelResult.UNKNOWN]
    assert forgetful.enqueue([one, other]) == [ACCEPTED] * 2
    assert fetched(consumer, 1) == [one.id, other.id]
    consumer.close(release=True)


def test_without_a_window_what_is_kept_is_shown_for_its_time(
    forgetful: RedisBackend, clock: FakeClock, job: MakeJob
) -> None:
    one = job()
    forgetful.enqueue([one])
    consumer = forgetful.consume([QueueShare("mail")], lease=30, worker="worker-1")
    [lease] = consumer.fetch(1, 0)
    consumer.settle([Complete(lease=lease, outcome=b"done", keep=10)])
    consumer.flush(5)
    [shown] = forgetful.get("mail", [one.id])
    clock.advance(11)
    forgetful.maintain(1.0)

    assert shown is not None
    assert (shown.state, shown.outcome) == (State.SUCCEEDED, b"done")
    assert forgetful.get("mail", [one.id]) == [None]
    consumer.close(release=True)
