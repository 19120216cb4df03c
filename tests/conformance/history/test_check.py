"""What a verdict says, and when there is none."""

from __future__ import annotations

import pytest

from anyjob.conformance.history import check
from anyjob.conformance.history.events import FaultStart, FaultStop, Maintain
from anyjob.core.errors import ConfigurationError
from tests.conformance.history.script import LEASE, Script


def test_history_that_was_not_drained_gets_no_verdict() -> None:
    say = Script()
    say.one_of_each()

    with pytest.raises(ConfigurationError, match="no 'drained' event"):
        check(say.history(drained=False))


def test_rule_that_does_not_exist_cannot_be_left_out() -> None:
    say = Script()

    with pytest.raises(ConfigurationError, match="no rule 'losst'.*'lost'"):
        check(say.history(), without=["losst"])


def test_violation_shows_the_lines_of_its_job_and_no_others() -> None:
    say = Script()
    say.one_of_each()
    say.enqueue("a", "b")
    say.settle("b", say.lease("b"))
    say.settle("a", say.lease("a"), "retry")

    verdict = check(say.history())

    [violation] = verdict.violations
    assert (violation.rule, violation.job) == ("lost", "a")
    assert [type(line).__name__ for line in violation.lines] == [
        "Enqueue",
        "Enqueue",
        "Delivered",
        "Settle",
        "Settle",
    ]
    assert "lost: a: accepted, delivered 1 times" in str(verdict)
    assert "settle phase=ok job=a" in str(verdict)


def test_violations_beyond_the_first_few_are_counted() -> None:
    say = Script()
    say.one_of_each()
    for number in range(20):
        say.enqueue(f"job {number}")

    verdict = check(say.history())

    assert verdict.broken == {"lost": 20}
    assert len(verdict.violations) == 5


def test_job_given_twice_is_counted_where_the_level_allows_it() -> None:
    say = Script()
    say.one_of_each()
    say.enqueue("a")
    first = say.lease("a")
    say.wait(LEASE)
    second = say.lease("a", redeliveries=1)
    third = say.lease("a", redeliveries=1)
    for token, answer in ((first, "fail"), (second, "ok"), (third, "fail")):
        say.settle("a", token, answer=answer)
    say.lease("a", redeliveries=1)
    strict = check(say.history())

    say.capabilities = {"exclusive": False}
    weak = check(say.history())

    assert set(strict.broken) == {"overlap", "duplicate", "step", "fence"}
    assert strict.counts["doubles"] == 0
    assert weak.holds, str(weak)
    assert weak.counts["explained duplicates"] == 1
    assert weak.counts["doubles"] == 2


def test_return_in_doubt_leaves_two_pasts_where_a_job_may_be_given_twice() -> None:
    say = Script()
    say.one_of_each()
    say.enqueue("a")
    say.settle("a", say.lease("a"), "release", answer="info")
    say.wait(LEASE)
    say.lease("a", redeliveries=1)
    say.wait(LEASE)
    say.settle("a", say.lease("a"))
    strict = check(say.history())

    say.capabilities = {"exclusive": False}

    assert set(strict.broken) == {"step"}
    assert check(say.history()).holds


def test_level_that_is_declared_weaker_widens_what_is_legal() -> None:
    say = Script()
    say.one_of_each()
    say.enqueue("a")
    say.settle("a", say.lease("a"), "release")
    say.settle("a", say.lease("a", redeliveries=1))
    say.enqueue("b")
    say.lease("b")
    say.kill()
    say.settle("b", say.lease("b", redeliveries=1, who="c2"), who="c2")
    say.enqueue("c")
    say.enqueue("d")
    for job in ("d", "c"):
        say.settle(job, say.lease(job))
    strict = check(say.history())

    say.capabilities = {"redeliveries": "upper", "lease": "connection", "order": "loose"}

    assert set(strict.broken) == {"step", "overlap", "fifo"}
    assert check(say.history()).holds


def test_what_came_ahead_to_the_dead_counts_as_lost_where_it_is_declared() -> None:
    say = Script()
    say.one_of_each()
    say.enqueue("a")
    for process in ("c1", "c2"):
        say.kill(process)
    say.settle("a", say.lease("a", redeliveries=3))
    say.capabilities = {"redeliveries": "upper"}

    assert check(say.history()).holds
    say.wait(10.0)
    say.enqueue("b")
    say.settle("b", say.lease("b", redeliveries=2))
    assert set(check(say.history()).broken) == {"step"}


def test_same_id_stored_twice_is_legal_where_nothing_is_remembered() -> None:
    say = Script()
    say.one_of_each()
    say.enqueue("a")
    say.enqueue("a")
    say.settle("a", say.lease("a"))
    say.settle("a", say.lease("a"))

    say.capabilities = {"dedup": "none"}

    assert check(say.history()).holds


def test_settlement_that_moves_a_job_may_leave_two_where_nothing_is_remembered() -> None:
    say = Script()
    say.one_of_each()
    say.enqueue("a")
    say.settle("a", say.lease("a"), "release", answer="info")
    say.settle("a", say.lease("a"))
    say.settle("a", say.lease("a"))

    assert "resurrected" in check(say.history()).broken
    say.capabilities = {"dedup": "none"}
    assert check(say.history()).holds


def test_settlement_that_surely_moved_a_job_leaves_one() -> None:
    say = Script()
    say.capabilities = {"dedup": "none"}
    say.one_of_each()
    say.enqueue("a")
    say.settle("a", say.lease("a"), "release")
    say.settle("a", say.lease("a"))
    say.settle("a", say.lease("a"))

    assert "resurrected" in check(say.history()).broken


def test_marks_tell_what_the_history_reached() -> None:
    say = Script()
    say.capabilities = {"max_batch": 3}
    say.one_of_each()
    say.enqueue("a", "b", "c")
    stale = say.lease("a")
    say.wait(LEASE)
    say.settle("a", say.lease("a", redeliveries=1, who="c2"), who="c2")
    say.settle("a", stale, answer="fail")
    say.lease("b", who="c2")
    say.kill("c2")
    say.wait(LEASE)
    say.settle("b", say.lease("b", redeliveries=1))
    say.settle("c", say.lease("c"), answer="info")
    say.enqueue("d", answer="info")
    say.settle("d", say.lease("d"), "bury", reason="poison", ran=False)
    say.dead("d", attempts=0, reason="poison")

    verdict = check(say.history())

    assert verdict.holds, str(verdict)
    assert verdict.marks == {
        "a lease lapsed while its holder lived": 1,
        "a stale settlement was sent": 1,
        "a call was cut after it had acted": 2,
        "a killed holder's job was delivered again": 1,
        "a batch of max_batch was enqueued": 1,
        "a job was buried as poison": 1,
        "a job was buried": 1,
        "a lease was extended": 1,
        "a process was killed": 1,
        "two consumers shared the jobs": 1,
    }
    assert verdict.missed("a job was retried", "a job was buried") == ["a job was retried"]


def test_marks_tell_of_many_lapsed_leases_and_of_two_that_maintain() -> None:
    say = Script(tick=0.001)
    say.one_of_each()
    jobs = [f"job {number}" for number in range(30)]
    say.enqueue(*jobs)
    for job in jobs:
        say.lease(job)
    say.events.append(Maintain(process="m1", mono=say.now, phase="invoke"))
    say.events.append(Maintain(process="m2", mono=say.now + 0.1, phase="invoke"))
    say.events.append(Maintain(process="m1", mono=say.now + 0.2, phase="ok"))
    say.wait(2 * LEASE)
    for job in jobs:
        say.settle(job, say.lease(job, redeliveries=1))

    marks = check(say.history()).marks

    assert marks["25 leases had lapsed at once"] == 1
    assert marks["two maintained at once"] == 1


def test_marks_tell_of_a_queue_that_was_paused_with_scheduled_jobs() -> None:
    say = Script()
    say.one_of_each()
    say.enqueue(say.sent("a", delay=60.0))
    say.events.append(FaultStart(process="n", mono=say.now, kind="pause", target="q"))
    say.wait(10.0)
    say.events.append(FaultStop(process="n", mono=say.now, kind="pause", target="q"))
    say.wait(60.0)
    say.settle("a", say.lease("a"))

    verdict = check(say.history())

    assert verdict.marks["a queue was paused with scheduled jobs"] == 1
    assert verdict.holds


def test_answer_belongs_to_its_own_settlement() -> None:
    """A settlement that was unknown is sent again, and the second answer is the second one's."""
    say = Script()
    say.one_of_each()
    say.enqueue("a")
    token = say.lease("a")
    say.settle("a", token, answer="info")
    say.settle("a", token, answer="fail")
    say.wait(LEASE)
    say.settle("a", say.lease("a", redeliveries=1))

    assert check(say.history()).holds
