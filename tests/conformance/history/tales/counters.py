"""Attempts, redeliveries and tokens."""

from __future__ import annotations

from tests.conformance.history.script import LEASE, Script
from tests.conformance.history.tales.tale import breaks, legal


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
