"""Each rule finds the smallest history that breaks it, and lets pass what looks alike."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from anyjob.conformance.history import check
from anyjob.conformance.history.events import Cancelled, digest
from anyjob.conformance.history.rules import RULES
from tests.conformance.history.script import EPOCH, LEASE, Script

Tale = Callable[[Script], None]
BROKEN: list[tuple[Tale, set[str]]] = []
LEGAL: list[Tale] = []


def breaks(*rules: str) -> Callable[[Tale], Tale]:
    def keep(tale: Tale) -> Tale:
        BROKEN.append((tale, set(rules)))
        return tale

    return keep


def legal(tale: Tale) -> Tale:
    LEGAL.append(tale)
    return tale


def named(tale: object) -> str | None:
    return getattr(tale, "__name__", None)


@pytest.mark.parametrize(("tale", "rules"), BROKEN, ids=named)
def test_broken_history_is_seen(tale: Tale, rules: set[str]) -> None:
    say = Script()
    say.one_of_each()

    tale(say)

    assert set(check(say.history()).broken) == rules


@pytest.mark.parametrize("tale", LEGAL, ids=named)
def test_legal_history_breaks_no_rule(tale: Tale) -> None:
    say = Script()
    say.one_of_each()

    tale(say)

    verdict = check(say.history())
    assert verdict.holds, str(verdict)


@pytest.mark.parametrize(("tale", "rules"), BROKEN, ids=named)
def test_rule_that_is_left_out_sees_nothing(tale: Tale, rules: set[str]) -> None:
    say = Script()
    say.one_of_each()
    tale(say)

    assert check(say.history(), without=rules).holds


def test_every_rule_has_a_history_that_breaks_it() -> None:
    assert set().union(*(rules for _, rules in BROKEN)) | {"operations"} == set(RULES)


def test_operation_that_never_succeeded_is_said() -> None:
    assert check(Script().history()).broken == {"operations": 4}


# Lost and found


@breaks("lost")
def accepted_and_never_delivered(say: Script) -> None:
    say.enqueue("a")


@breaks("lost")
def killed_holder_was_the_last_one(say: Script) -> None:
    say.enqueue("a")
    say.lease("a")
    say.kill()


@breaks("lost")
def stale_completion_is_no_end(say: Script) -> None:
    say.enqueue("a")
    say.settle("a", say.lease("a"), answer="fail")


@breaks("lost")
def burial_nobody_confirmed_left_no_dead_letter(say: Script) -> None:
    say.enqueue("a")
    say.settle("a", say.lease("a"), "bury", answer="info", reason="broken")


@breaks("lost")
def child_of_a_done_settlement_never_came(say: Script) -> None:
    say.enqueue("a")
    say.settle("a", say.lease("a"), children=(say.sent("b"),))


@breaks("lost")
def parent_ended_unheard_and_its_child_never_came(say: Script) -> None:
    say.enqueue("a")
    say.settle("a", say.lease("a"), answer=None, children=(say.sent("b"),))
    say.kill()


@legal
def nobody_knows_whether_it_was_sent(say: Script) -> None:
    say.enqueue("a", answer="info")
    say.enqueue("b", answer=None)


@legal
def completion_was_applied_unheard(say: Script) -> None:
    say.enqueue("a")
    say.settle("a", say.lease("a"), answer="info")


@legal
def refused_job_is_not_missed(say: Script) -> None:
    say.enqueue("a", answer="fail")
    say.enqueue("b", receipts=["rejected"])


@legal
def cancelled_job_is_not_missed(say: Script) -> None:
    say.enqueue("a")
    say.cancel("a")


@legal
def child_ran_after_its_parent(say: Script) -> None:
    say.enqueue("a")
    say.settle("a", say.lease("a"), children=(say.sent("b"),))
    say.settle("b", say.lease("b"))


# Phantom and corrupt


@breaks("phantom")
def nobody_sent_it(say: Script) -> None:
    say.settle("a", say.lease("a"))


@breaks("phantom")
def it_was_surely_refused(say: Script) -> None:
    say.enqueue("a", answer="fail")
    say.settle("a", say.lease("a"))


@breaks("phantom")
def child_of_a_stale_settlement_came(say: Script) -> None:
    say.enqueue("a")
    first = say.lease("a")
    say.wait(LEASE)
    second = say.lease("a", redeliveries=1, who="c2")
    say.settle("a", first, answer="fail", children=(say.sent("b"),))
    say.settle("a", second, who="c2")
    say.settle("b", say.lease("b"))


@breaks("phantom")
def it_came_before_it_was_sent(say: Script) -> None:
    token = say.lease("a")
    say.enqueue("a")
    say.settle("a", token)


@legal
def uncertain_job_came(say: Script) -> None:
    say.enqueue("a", answer="info")
    say.settle("a", say.lease("a"))


@legal
def it_came_before_its_receipt(say: Script) -> None:
    say.enqueue("a", answer=None)
    say.settle("a", say.lease("a"))


@breaks("corrupt")
def body_changed(say: Script) -> None:
    say.enqueue("a")
    say.settle("a", say.lease("a", sha256=digest(b"other")))


@breaks("corrupt")
def body_changed_when_it_was_retried(say: Script) -> None:
    say.enqueue("a")
    say.settle("a", say.lease("a"), "retry")
    say.settle("a", say.lease("a", 2, sha256=digest(b"other")))


@breaks("corrupt")
def it_came_in_another_queue(say: Script) -> None:
    say.enqueue("a")
    say.settle("a", say.lease("a", queue="other"))


@breaks("corrupt")
def it_lost_its_priority(say: Script) -> None:
    say.enqueue(say.sent("a", priority=9))
    say.settle("a", say.lease("a", priority=5))


# Too early


@breaks("early")
def it_came_before_its_delay(say: Script) -> None:
    say.enqueue(say.sent("a", delay=5.0))
    say.wait(3.0)
    say.settle("a", say.lease("a"))


@breaks("early")
def retry_came_before_its_delay(say: Script) -> None:
    say.enqueue("a")
    say.settle("a", say.lease("a"), "retry", delay=5.0)
    say.settle("a", say.lease("a", 2))


@breaks("early")
def it_came_before_its_instant(say: Script) -> None:
    say.enqueue(say.sent("a", run_at=EPOCH + 100.0))
    say.settle("a", say.lease("a"))


@legal
def it_came_after_its_delay(say: Script) -> None:
    say.enqueue(say.sent("a", delay=5.0), say.sent("b", run_at=EPOCH + 5.0))
    say.wait(5.0)
    say.settle("a", say.lease("a"), "retry", delay=2.0)
    say.wait(2.0)
    say.settle("a", say.lease("a", 2))
    say.settle("b", say.lease("b"))


# Too often


@breaks("resurrected", "step")
def completed_job_came_back(say: Script) -> None:
    say.enqueue("a")
    say.settle("a", say.lease("a"))
    say.settle("a", say.lease("a"))


@breaks("resurrected")
def cancelled_job_came(say: Script) -> None:
    say.enqueue("a")
    say.cancel("a")
    say.settle("a", say.lease("a"))


@breaks("resurrected")
def lapsed_completion_that_was_done_came_back(say: Script) -> None:
    say.enqueue("a")
    token = say.lease("a")
    say.wait(LEASE + 1)
    say.settle("a", token)
    say.settle("a", say.lease("a", redeliveries=1))


@breaks("fence")
def stale_completion_was_done(say: Script) -> None:
    say.enqueue("a")
    first = say.lease("a")
    say.wait(LEASE)
    second = say.lease("a", redeliveries=1, who="c2")
    say.settle("a", first)
    say.settle("a", second, answer="fail", who="c2")


@breaks("duplicate", "overlap", "fence", "step")
def two_have_it_at_once(say: Script) -> None:
    say.enqueue("a")
    first = say.lease("a")
    second = say.lease("a", who="c2")
    say.settle("a", first)
    say.settle("a", second, who="c2", answer="fail")


@breaks("duplicate", "lost")
def stored_twice_under_one_id(say: Script) -> None:
    say.enqueue("a")
    say.enqueue("a")


@breaks("overlap")
def killed_holder_lost_its_lease_too_soon(say: Script) -> None:
    say.enqueue("a")
    say.lease("a")
    say.kill()
    say.settle("a", say.lease("a", redeliveries=1, who="c2"), who="c2")


@breaks("overlap", "duplicate")
def extended_lease_was_given_away(say: Script) -> None:
    say.enqueue("a")
    token = say.lease("a")
    say.wait(LEASE - 5)
    say.extend("a", token)
    say.wait(10)
    say.settle("a", say.lease("a", redeliveries=1, who="c2"), who="c2")


@legal
def lapsed_lease_was_given_away(say: Script) -> None:
    say.enqueue("a")
    first = say.lease("a")
    say.wait(LEASE)
    second = say.lease("a", redeliveries=1, who="c2")
    say.settle("a", first, answer="fail")
    say.settle("a", second, who="c2")


@legal
def completion_was_unknown_and_it_came_once_more(say: Script) -> None:
    say.enqueue("a")
    say.settle("a", say.lease("a"), answer="info")
    say.wait(LEASE)
    say.settle("a", say.lease("a", redeliveries=1))


@legal
def unknown_settlement_was_sent_again(say: Script) -> None:
    say.enqueue("a")
    token = say.lease("a")
    say.settle("a", token, answer="info")
    say.settle("a", token)


@legal
def second_settlement_was_refused(say: Script) -> None:
    say.enqueue("a")
    token = say.lease("a")
    say.settle("a", token)
    say.settle("a", token, answer="fail")


@legal
def uncertain_job_was_sent_again(say: Script) -> None:
    say.enqueue("a", answer="info")
    say.enqueue("a", receipts=["a"])
    say.settle("a", say.lease("a"))


@legal
def frozen_holder_wrote_its_delivery_late(say: Script) -> None:
    say.enqueue("a")
    call = say.fetch()
    given = EPOCH + say.now
    say.wait(LEASE)
    say.settle("a", say.lease("a", redeliveries=1, who="c2"), who="c2")
    late = say.lease("a", call=call, at=given, until=given + LEASE)
    say.settle("a", late, answer="fail")


# Counters


@breaks("step")
def retry_counted_as_a_lost_lease(say: Script) -> None:
    say.enqueue("a")
    say.settle("a", say.lease("a"), "retry")
    say.settle("a", say.lease("a", redeliveries=1))


@breaks("step")
def lost_lease_counted_as_an_attempt(say: Script) -> None:
    say.enqueue("a")
    say.lease("a")
    say.wait(LEASE)
    say.settle("a", say.lease("a", 2))


@breaks("step")
def lost_lease_counted_twice(say: Script) -> None:
    say.enqueue("a")
    say.lease("a")
    say.wait(LEASE)
    say.settle("a", say.lease("a", redeliveries=2))


@breaks("step")
def release_counted(say: Script) -> None:
    say.enqueue("a")
    say.settle("a", say.lease("a"), "release")
    say.settle("a", say.lease("a", 2))


@breaks("step")
def first_lease_is_no_first_one(say: Script) -> None:
    say.enqueue("a")
    say.settle("a", say.lease("a", redeliveries=1))


@legal
def killed_fetcher_took_it_unheard(say: Script) -> None:
    say.enqueue("a")
    say.fetch("c2")
    say.kill("c2")
    say.wait(LEASE)
    say.settle("a", say.lease("a", redeliveries=1))


@legal
def each_settlement_counts_what_it_should(say: Script) -> None:
    say.enqueue("a")
    say.settle("a", say.lease("a"), "retry")
    say.settle("a", say.lease("a", 2), "release")
    say.settle("a", say.lease("a", 2), "abandon")
    say.settle("a", say.lease("a", 2, 1))


@breaks("token")
def token_was_given_twice(say: Script) -> None:
    say.enqueue("a")
    say.settle("a", say.lease("a", token=77), "retry")
    say.lease("a", 2, token=77)
    say.settle("a", 77)


@breaks("over_limit")
def it_failed_once_too_often(say: Script) -> None:
    say.enqueue("a")
    for attempt in range(1, 6):
        say.settle("a", say.lease("a", attempt), "retry")
    say.settle("a", say.lease("a", 6))


@breaks("over_limit", "step")
def attempts_were_never_counted(say: Script) -> None:
    say.enqueue("a")
    for _ in range(5):
        say.settle("a", say.lease("a"), "retry")
    say.settle("a", say.lease("a"))


@breaks("over_limit")
def poison_was_run_for_ever(say: Script) -> None:
    say.enqueue("a")
    for lost in range(6):
        say.lease("a", redeliveries=lost)
        say.wait(LEASE)
    say.settle("a", say.lease("a", redeliveries=6))


@legal
def poison_was_buried(say: Script) -> None:
    say.enqueue("a")
    for lost in range(6):
        say.lease("a", redeliveries=lost)
        say.wait(LEASE)
    last = say.lease("a", redeliveries=6, verdict="poison")
    say.settle("a", last, "bury", reason="poison", ran=False)
    say.dead("a", attempts=0, redeliveries=6, reason="poison")


@legal
def six_releases_are_no_poison(say: Script) -> None:
    say.enqueue("a")
    for _ in range(6):
        say.settle("a", say.lease("a"), "release")
    say.settle("a", say.lease("a"))


# Order


@breaks("inversion")
def low_ones_went_first(say: Script) -> None:
    say.enqueue(say.sent("high", priority=9))
    for number in range(6):
        say.enqueue(say.sent(f"low {number}", priority=1))
    for number in range(6):
        say.settle(f"low {number}", say.lease(f"low {number}", priority=1))
    say.settle("high", say.lease("high", priority=9))


@legal
def one_came_from_the_low_end(say: Script) -> None:
    say.enqueue(say.sent("high", priority=9), say.sent("low", priority=1))
    say.settle("low", say.lease("low", priority=1))
    say.settle("high", say.lease("high", priority=9))


@legal
def high_one_was_enqueued_while_they_were_fetched(say: Script) -> None:
    for number in range(6):
        say.enqueue(say.sent(f"low {number}", priority=1))
    calls = [say.fetch() for _ in range(6)]
    say.enqueue(say.sent("high", priority=9))
    for number, call in enumerate(calls):
        token = say.lease(f"low {number}", priority=1, call=call)
        say.fetched(call, count=1)
        say.settle(f"low {number}", token)
    say.settle("high", say.lease("high", priority=9))


@breaks("fifo")
def second_went_first(say: Script) -> None:
    say.enqueue("a")
    say.enqueue("b")
    say.settle("b", say.lease("b"))
    say.settle("a", say.lease("a"))


@legal
def second_went_first_to_somebody_else(say: Script) -> None:
    say.enqueue("a")
    say.enqueue("b")
    call = say.fetch("c2")
    say.settle("b", say.lease("b"))
    say.settle("a", say.lease("a", who="c2", call=call), who="c2")
    say.fetched(call, "c2", count=1)


@legal
def delayed_one_went_later(say: Script) -> None:
    say.enqueue(say.sent("a", delay=1.0))
    say.enqueue("b")
    say.settle("b", say.lease("b"))
    say.wait(1.0)
    say.settle("a", say.lease("a"))


@breaks("starved")
def low_end_got_nothing(say: Script) -> None:
    say.enqueue(say.sent("low", priority=0))
    say.enqueue(say.sent("low 2", priority=0))
    for number in range(350):
        say.enqueue(f"job {number}")
        say.settle(f"job {number}", say.lease(f"job {number}"))
    for job in ("low", "low 2"):
        say.settle(job, say.lease(job, priority=0))


@breaks("credit")
def fetch_brought_more_than_its_credit(say: Script) -> None:
    jobs = [f"job {number}" for number in range(11)]
    say.enqueue(*jobs)
    call = say.fetch()
    tokens = [say.lease(job, call=call) for job in jobs]
    say.fetched(call, count=11)
    for job, token in zip(jobs, tokens, strict=True):
        say.settle(job, token)


# Dead letters


def _buried(say: Script) -> None:
    say.enqueue("a")
    say.settle("a", say.lease("a"), "bury", reason="broken")


@breaks("dead_unequal")
def dead_letter_vanished(say: Script) -> None:
    _buried(say)


@breaks("dead_unequal")
def dead_letter_has_another_body(say: Script) -> None:
    _buried(say)
    say.dead("a", sha256=digest(b"other"))


@breaks("dead_unequal")
def dead_letter_lost_its_reason(say: Script) -> None:
    _buried(say)
    say.dead("a", reason=None)


@breaks("dead_unequal")
def last_attempt_is_not_counted(say: Script) -> None:
    _buried(say)
    say.dead("a", attempts=0)


@breaks("dead_unequal")
def dead_twice(say: Script) -> None:
    _buried(say)
    say.dead("a")
    say.dead("a")


@breaks("dead_unequal")
def nobody_buried_it(say: Script) -> None:
    say.enqueue("a")
    say.settle("a", say.lease("a"), "retry")
    say.dead("a")


@legal
def dead_letter_equals_the_job(say: Script) -> None:
    _buried(say)
    say.dead("a")


@legal
def burial_nobody_confirmed_shows(say: Script) -> None:
    say.enqueue("a")
    say.settle("a", say.lease("a"), "bury", answer=None, reason="broken")
    say.dead("a")


@breaks("false_end")
def it_is_cancelled_though_nobody_asked(say: Script) -> None:
    say.enqueue("a")
    say.cancel("a", "fail")
    say.events.append(Cancelled(process="d", mono=say.now, job="a"))
    say.settle("a", say.lease("a"))


@legal
def cancelled_job_is_shown_so(say: Script) -> None:
    say.enqueue("a")
    say.cancel("a", "info")
    say.events.append(Cancelled(process="d", mono=say.now, job="a"))


# Unique keys


@breaks("unique")
def two_hold_one_key(say: Script) -> None:
    say.enqueue(say.sent("a", unique="k"))
    say.enqueue(say.sent("b", unique="k"))
    say.settle("a", say.lease("a"))
    say.settle("b", say.lease("b"))


@breaks("unique")
def refused_for_one_that_had_ended(say: Script) -> None:
    say.enqueue(say.sent("a", unique="k"))
    say.settle("a", say.lease("a"))
    say.enqueue(say.sent("b", unique="k"), receipts=["a"])


@breaks("unique")
def refused_for_nobody(say: Script) -> None:
    say.enqueue(say.sent("b", unique="k"), receipts=["nobody"])


@breaks("unique")
def refused_for_the_holder_of_another_key(say: Script) -> None:
    say.enqueue(say.sent("a", unique="other"))
    say.enqueue(say.sent("b", unique="k"), receipts=["a"])
    say.settle("a", say.lease("a"))


@legal
def key_went_from_one_to_the_next(say: Script) -> None:
    say.enqueue(say.sent("a", unique="k"))
    say.enqueue(say.sent("b", unique="k"), receipts=["a"])
    say.settle("a", say.lease("a"), "retry")
    say.enqueue(say.sent("c", unique="k"), receipts=["a"])
    say.settle("a", say.lease("a", 2))
    say.enqueue(say.sent("d", unique="k"))
    say.settle("d", say.lease("d"))


@legal
def key_may_be_free_as_soon_as_the_end_was_sent(say: Script) -> None:
    say.enqueue(say.sent("a", unique="k"))
    say.settle("a", say.lease("a"), answer="info")
    say.enqueue(say.sent("b", unique="k"))
    say.settle("b", say.lease("b"))


# Waking up


@breaks("wakeup")
def fetch_slept_beside_a_ready_job(say: Script) -> None:
    call = say.fetch()
    say.enqueue("a")
    say.wait(5.0)
    say.fetched(call)
    say.settle("a", say.lease("a"))


@breaks("wakeup")
def fetch_came_late_with_the_job_it_waited_for(say: Script) -> None:
    call = say.fetch()
    say.enqueue("a")
    say.wait(5.0)
    token = say.lease("a", call=call)
    say.fetched(call, count=1)
    say.settle("a", token)


@legal
def fetch_of_another_queue_slept(say: Script) -> None:
    call = say.fetch(queue="other")
    say.enqueue("a")
    say.wait(5.0)
    say.fetched(call)
    say.settle("a", say.lease("a"))


@legal
def fetcher_was_frozen(say: Script) -> None:
    call = say.fetch()
    say.enqueue("a")
    say.stood_still(5.0, "c")
    say.fetched(call)
    say.settle("a", say.lease("a"))


@legal
def machine_stood_still(say: Script) -> None:
    call = say.fetch()
    say.enqueue("a")
    say.stood_still(5.0)
    say.fetched(call)
    say.settle("a", say.lease("a"))


@legal
def idle_fetch_found_nothing(say: Script) -> None:
    call = say.fetch()
    say.wait(5.0)
    say.fetched(call)
    say.enqueue("a")
    say.settle("a", say.lease("a"))
