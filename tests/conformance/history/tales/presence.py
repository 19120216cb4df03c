"""Jobs that went away, jobs that came from nowhere, and jobs that came changed or early."""

from __future__ import annotations

from anyjob.conformance.history.events import digest
from tests.conformance.history.script import EPOCH, LEASE, Script
from tests.conformance.history.tales.tale import breaks, legal

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
def killed_server_forgot_a_job(say: Script) -> None:
    say.enqueue("a")
    say.strike_server("kill", 1.0)


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
