"""Who came before whom, how soon, and from which queue."""

from __future__ import annotations

from tests.conformance.history.script import Script
from tests.conformance.history.tales.tale import breaks, legal

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


def _busy_with_another_queue(say: Script) -> None:
    for number in range(200):
        job = f"job {number}"
        say.enqueue(say.sent(job, queue="other"))
        say.settle(job, say.lease(job, queue="other"))


@breaks("shares")
def queue_got_nothing_while_its_job_was_ready(say: Script) -> None:
    say.enqueue("a")
    _busy_with_another_queue(say)
    say.settle("a", say.lease("a"))


@legal
def queue_got_nothing_while_it_was_paused(say: Script) -> None:
    say.enqueue("a")
    say.paused("q")
    _busy_with_another_queue(say)
    say.resumed("q")
    say.settle("a", say.lease("a"))


@breaks("credit")
def fetch_brought_more_than_its_credit(say: Script) -> None:
    jobs = [f"job {number}" for number in range(11)]
    say.enqueue(*jobs)
    call = say.fetch()
    tokens = [say.lease(job, call=call) for job in jobs]
    say.fetched(call, count=11)
    for job, token in zip(jobs, tokens, strict=True):
        say.settle(job, token)


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
def fetch_slept_while_the_server_stood_still(say: Script) -> None:
    call = say.fetch()
    say.enqueue("a")
    say.strike_server("freeze", 5.0)
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
