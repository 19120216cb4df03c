"""Dead letters, other ends, and unique keys."""

from __future__ import annotations

from anyjob.conformance.history.events import Cancelled, digest
from tests.conformance.history.script import Script
from tests.conformance.history.tales.tale import breaks, legal

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
