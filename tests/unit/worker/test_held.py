"""Who owns an attempt: the sets alone, and what two threads do to them."""

import threading
from collections.abc import Iterator

import msgspec
import pytest

from anyjob import App
from anyjob.core.attempt import Attempt
from anyjob.core.backend import Consumer, QueueShare
from anyjob.core.clock import SystemClock
from anyjob.core.outcome import Succeeded
from anyjob.core.settlement import Answer, Complete, Lease, Settled, Verdict
from anyjob.core.wire import decode_body
from anyjob.worker.gate import SharedGate
from anyjob.worker.held import LEASE_LOST, Finished, Held
from tests.waiting import until


@pytest.fixture
def consumer(jobs: App) -> Iterator[Consumer]:
    @jobs.task
    def nothing() -> None: ...

    jobs.enqueue_many(nothing.job() for _ in range(20))
    consumer = jobs.backend.consume([QueueShare("default")], lease=30, worker="w")
    yield consumer
    consumer.flush(5)
    consumer.close(release=False)


@pytest.fixture
def attempts(jobs: App, consumer: Consumer) -> list[Attempt]:
    leases = consumer.fetch(20, 0)
    task = jobs.tasks.get("nothing")
    return [Attempt(task, lease, decode_body(lease.body), SystemClock()) for lease in leases]


def done(attempt: Attempt) -> Finished:
    return Finished(attempt.lease, attempt, Succeeded(), Complete(lease=attempt.lease), 0.0)


def test_attempt_is_begun_or_taken_back_but_never_both(attempts: list[Attempt]) -> None:
    held = Held()
    held.waiting.update(attempts)
    begun: list[Attempt] = []
    taken: list[Attempt] = []
    ready = threading.Barrier(2)

    def begin() -> None:
        ready.wait(30)
        begun.extend(a for a in attempts if held.begin(a))

    def take() -> None:
        ready.wait(30)
        taken.extend(held.take_back(attempts))

    threads = [threading.Thread(target=target) for target in (begin, take)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(map(id, begun + taken)) == sorted(map(id, attempts))
    assert held.running == set(begun)
    assert not held.waiting


def test_beginning_attempt_is_seen_at_every_moment(attempts: list[Attempt]) -> None:
    held = Held()
    idle: list[bool] = []

    class Watched(set[Attempt]):
        def remove(self, attempt: Attempt) -> None:
            super().remove(attempt)
            idle.append(held.is_idle)

    held.waiting = Watched(attempts)

    assert all(held.begin(attempt) for attempt in attempts)
    assert idle == [False] * len(attempts)


def test_attempt_ends_once(attempts: list[Attempt]) -> None:
    held = Held()
    held.waiting.update(attempts)
    held.begin(attempts[0])

    assert [held.end(attempts[0]), held.end(attempts[0])] == [True, False]
    assert not held.begin(attempts[0])


def again(lease: Lease, **changes: object) -> Lease:
    """The lease that follows one that ran out."""
    token = lease.token + 1
    changed = {"redeliveries": lease.redeliveries + 1, "token": token} | changes
    return msgspec.structs.replace(lease, **changed)


def test_run_takes_over_the_lease_that_followed_its_own(attempts: list[Attempt]) -> None:
    held, attempt = Held(), attempts[0]
    held.running.add(attempt)
    new = again(attempt.lease)

    assert held.adopt(new, 100.0) is attempt
    assert (attempt.lease, attempt.lease_deadline, attempt.redeliveries) == (new, 100.0, 1)
    assert held.running == {attempt}


@pytest.mark.parametrize(
    "changes",
    [
        {"attempt": 2},
        {"redeliveries": 0},
        {"redeliveries": 2},
        {"note": b"somebody ran it"},
        {"body": b"somebody edited it"},
        {"verdict": Verdict.CANCELLED},
        {"queue": "other"},
        {"id": "another"},
    ],
    ids=str,
)
def test_run_takes_no_lease_over_once_more_happened_to_the_job(
    attempts: list[Attempt], changes: dict[str, object]
) -> None:
    held, attempt = Held(), attempts[0]
    held.running.add(attempt)
    old = attempt.lease

    assert held.adopt(again(old, **changes), 100.0) is None
    assert attempt.lease is old
    assert held.running == {attempt}


def test_run_that_ended_or_was_told_to_stop_takes_no_lease_over(attempts: list[Attempt]) -> None:
    held, ended, stopped = Held(), *attempts[:2]
    held.running.update([ended, stopped])
    held.end(ended)
    held.drop(ended)

    assert held.lose(stopped, stopped.lease)
    assert held.adopt(again(ended.lease), 100.0) is None
    assert held.adopt(again(stopped.lease), 100.0) is None
    assert stopped.ending == LEASE_LOST


@pytest.mark.usefixtures("unwatched")  # the lease that followed is made up
@pytest.mark.parametrize("handed_over", [False, True])
def test_outcome_is_settled_under_the_lease_that_followed_its_own(
    attempts: list[Attempt], consumer: Consumer, handed_over: bool
) -> None:
    held, stirred = Held(), threading.Event()
    for attempt in attempts[:3]:
        held.finish(done(attempt))
    if handed_over:
        held.hand_over(consumer)
    held.on_finished = stirred.set
    new = again(attempts[1].lease)

    assert held.adopt(new, 100.0) is attempts[1]

    assert stirred.is_set()
    assert held.pending == 3
    assert {lease.token for lease in held.leases()} == {
        attempts[0].lease.token,
        new.token,
        attempts[2].lease.token,
    }
    held.hand_over(consumer)
    answers = held.answered(consumer.flush(5))
    assert {finished.lease for finished, _ in answers} == {
        attempts[0].lease,
        new,
        attempts[2].lease,
    }
    assert held.is_settled


def test_run_that_is_just_being_judged_takes_the_next_lease_over(attempts: list[Attempt]) -> None:
    """Between its end and its settlement it is in no set of those that run or have ended."""
    held, attempt = Held(), attempts[0]
    held.running.add(attempt)
    new = again(attempt.lease)
    adopted: list[Attempt | None] = []

    assert held.end(attempt)
    thread = threading.Thread(target=lambda: adopted.append(held.adopt(new, 100.0)))
    thread.start()
    held.finish(done(attempt))
    thread.join()

    assert adopted == [attempt]
    assert [lease.token for lease in held.leases()] == [new.token]


def test_run_that_ends_while_it_is_found_takes_the_next_lease_over(attempts: list[Attempt]) -> None:
    held, attempt = Held(), attempts[0]

    class Ending(set[Attempt]):
        def remove(self, attempt: Attempt) -> None:
            """Somebody else was faster, and has come to the end of it."""
            super().remove(attempt)
            held.finish(done(attempt))
            raise KeyError(attempt)

    held.running = Ending([attempt])
    new = again(attempt.lease)

    assert held.adopt(new, 100.0) is attempt
    assert [lease.token for lease in held.leases()] == [new.token]


@pytest.mark.usefixtures("unwatched")  # the lease that followed is made up
def test_outcome_that_was_refused_is_settled_under_the_lease_that_followed(
    attempts: list[Attempt], consumer: Consumer
) -> None:
    """A worker that fetches its own job anew may hear the refusal before the fetch returns."""
    held, attempt = Held(), attempts[0]
    held.finish(done(attempt))
    held.hand_over(consumer)
    [(refused, _)] = held.answered([Settled(done(attempt).settlement, Answer.LEASE_LOST)])
    new = again(attempt.lease)

    assert refused.attempt is attempt
    assert held.is_settled
    assert held.adopt(new, 100.0) is attempt
    assert [lease.token for lease in held.leases()] == [new.token]
    assert held.adopt(again(new), 100.0) is attempt
    assert held.pending == 1


def test_lease_that_was_followed_by_another_is_not_given_up(attempts: list[Attempt]) -> None:
    held, attempt = Held(), attempts[0]
    held.running.add(attempt)
    old = attempt.lease
    held.adopt(again(old), 100.0)

    assert not held.lose(attempt, old)
    assert attempt.ending == ""


def test_run_that_ends_while_it_takes_a_lease_over_is_decided_once(
    attempts: list[Attempt],
) -> None:
    for attempt in attempts:
        held, new, start = Held(), again(attempt.lease), threading.Barrier(2)
        held.running.add(attempt)
        adopted: list[Attempt | None] = []

        def adopt(held: Held = held, new: Lease = new) -> None:
            start.wait(30)  # noqa: B023 - joined before the next turn
            adopted.append(held.adopt(new, 100.0))  # noqa: B023

        thread = threading.Thread(target=adopt)
        thread.start()
        start.wait(30)
        ended = held.end(attempt)
        settled = attempt.lease
        held.drop(attempt)
        thread.join()

        assert ended
        assert not held.running
        assert settled is (new if adopted == [attempt] else attempt.lease)
        assert attempt.lease is settled


def test_everything_held_is_renewed_but_what_was_lost(
    attempts: list[Attempt], consumer: Consumer
) -> None:
    held = Held()
    waiting, running, lost, finished, handed = attempts[:5]
    held.waiting.update([waiting, running, lost])
    held.begin(running)
    held.begin(lost)
    lost.ending = LEASE_LOST
    held.finish(done(handed))
    held.hand_over(consumer)
    held.finish(done(finished))

    kept = {lease.id for lease in held.leases()}

    assert kept == {a.id for a in (waiting, running, finished, handed)}
    assert len(held) == 3
    assert not held.is_settled


def test_finished_is_forgotten_once_it_has_an_answer(
    attempts: list[Attempt], consumer: Consumer
) -> None:
    held = Held()
    for attempt in attempts[:3]:
        held.finish(done(attempt))

    assert held.hand_over(consumer) == 3
    answers = held.answered(consumer.flush(5))

    assert {finished.lease.id for finished, _ in answers} == {a.id for a in attempts[:3]}
    assert {settled.answer for _, settled in answers} == {Answer.DONE}
    assert held.is_settled
    assert held.answered([settled for _, settled in answers]) == []


@pytest.mark.usefixtures("unwatched")  # the answer that it settles after is lost on purpose
def test_what_was_not_answered_is_settled_again_and_acts_once(
    attempts: list[Attempt], consumer: Consumer
) -> None:
    held = Held()
    held.finish(done(attempts[0]))
    held.hand_over(consumer)
    first = consumer.flush(5)

    held.hand_over_again(consumer, [settled.settlement for settled in first])
    second = consumer.flush(5)

    assert [settled.answer for settled in first] == [Answer.DONE]
    assert [settled.answer for settled in second] == [Answer.LEASE_LOST]


def test_settled_of_a_stranger_is_ignored(attempts: list[Attempt]) -> None:
    lease: Lease = attempts[0].lease

    assert Held().answered([Settled(Complete(lease=lease), Answer.DONE)]) == []


def test_gate_lets_so_many_through_and_tells_of_each_that_leaves() -> None:
    told: list[int] = []
    gate = SharedGate(2, lambda: told.append(1))

    assert [gate.acquire(blocking=False) for _ in range(3)] == [True, True, False]
    gate.release()
    assert gate.acquire(blocking=False)
    assert told == [1]


def test_thread_that_waits_at_the_gate_goes_through_when_another_leaves() -> None:
    gate = SharedGate(1, lambda: None)
    gate.acquire(blocking=True)
    passed = threading.Semaphore(0)

    def wait() -> None:
        gate.acquire(blocking=True)
        passed.release()

    threads = [threading.Thread(target=wait) for _ in range(5)]
    for thread in threads:
        thread.start()
    assert not passed.acquire(blocking=False)
    for _ in range(5):
        gate.release()
        assert passed.acquire(timeout=30)

    until(lambda: not any(thread.is_alive() for thread in threads))
