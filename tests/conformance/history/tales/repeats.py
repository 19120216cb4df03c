"""Jobs that came too often."""

from __future__ import annotations

from tests.conformance.history.script import EPOCH, LEASE, Script
from tests.conformance.history.tales.tale import breaks, legal


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


@breaks("overlap")
def killed_server_forgot_a_lease_that_has_a_time(say: Script) -> None:
    say.enqueue("a")
    say.lease("a")
    say.strike_server("kill", 1.0)
    say.settle("a", say.lease("a", 1, 1, who="d"), who="d")


@legal
def lease_that_hangs_on_a_connection_went_with_the_server(say: Script) -> None:
    say.capabilities["lease"] = "connection"
    say.enqueue("a")
    say.lease("a")
    say.strike_server("kill", 1.0)
    say.settle("a", say.lease("a", 1, 1, who="d"), who="d")
