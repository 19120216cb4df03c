"""The situations that a history exists for, and how often it reached each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from math import inf

from anyjob.conformance.history.index import Call, Delivery, Index
from anyjob.conformance.history.rules.causes import cause, has_lapsed, was_struck
from anyjob.conformance.history.rules.shares import dues

#: So many lapsed leases at once are more than the sweep of some servers takes.
MANY = 25
#: What rules see of a job: one lease, and the next one.
Pair = tuple[Delivery, Delivery]


def marks(index: Index) -> Counter[str]:
    """How often each situation was reached, by its name."""
    pairs = [pair for job in index.jobs.values() for pair in job.pairs]
    found = Counter({name: count(index, pairs) for name, count in SITUATIONS.items()})
    return +found


def _lapsed_alive(index: Index, pairs: list[Pair]) -> int:
    return sum(_lapsed(pair, index) and not was_struck(*pair, index) for pair in pairs)


def _stale(index: Index, pairs: list[Pair]) -> int:
    return sum(each.answer == "fail" for job in index.jobs.values() for each in job.settlings)


def _cut_after_apply(index: Index, pairs: list[Pair]) -> int:
    """Nobody heard the answer, and the call had acted."""
    sent = sum(
        each.fate == "doubt" and each.parent is None
        for job in index.jobs.values()
        if job.deliveries
        for each in job.sendings
    )
    settled = sum(
        job.deliveries[-1].done is None and bool(job.deliveries[-1].doubtful)
        for job in index.jobs.values()
        if job.deliveries
    )
    return sent + settled


def _redelivered_after_kill(index: Index, pairs: list[Pair]) -> int:
    lost = ("lapse", "struck")
    return sum(was_struck(*pair, index) and cause(*pair, index) in lost for pair in pairs)


def _whole_batches(index: Index, pairs: list[Pair]) -> int:
    most = index.levels.max_batch
    return sum(call.count == most and call.answer == "ok" for call in index.enqueues)


def _maintained_together(index: Index, pairs: list[Pair]) -> int:
    return _overlaps(index.maintains)


def _many_at_once(index: Index, pairs: list[Pair]) -> int:
    """How often so many leases had lapsed and waited to be taken."""
    steps: list[tuple[float, int]] = []
    for before, after in pairs:
        if _lapsed((before, after), index):
            steps += [(before.until, 1), (max(before.until, after.at), -1)]
    waiting = reached = 0
    for _, change in sorted(steps, key=lambda each: (each[0], -each[1])):
        waiting += change
        reached += change > 0 and waiting == MANY
    return reached


def _paused_with_scheduled(index: Index, pairs: list[Pair]) -> int:
    pauses = [
        (who.removeprefix("queue "), begin, end)
        for who, times in index.stalls.items()
        if who.startswith("queue ")
        for begin, end in times
    ]
    delayed = [
        each
        for job in index.jobs.values()
        for each in job.sendings
        if each.sent.delay and each.fate == "accepted"
    ]
    return sum(
        any(
            each.sent.queue == queue and each.begin < end and begin < each.begin + each.sent.delay
            for each in delayed
        )
        for queue, begin, end in pauses
    )


def _poison(index: Index, pairs: list[Pair]) -> int:
    return sum(
        each.event.kind == "bury" and each.event.reason == "poison" and each.answer == "ok"
        for job in index.jobs.values()
        for each in job.settlings
    )


def _again_after(kind: str) -> Callable[[Index, list[Pair]], int]:
    def count(index: Index, pairs: list[Pair]) -> int:
        return sum(
            before.done is not None and before.done.event.kind == kind for before, _ in pairs
        )

    return count


def _with_children(index: Index, pairs: list[Pair]) -> int:
    return sum(
        each.parent is not None and each.fate == "accepted"
        for job in index.jobs.values()
        for each in job.sendings
    )


def _delayed(index: Index, pairs: list[Pair]) -> int:
    return sum(
        bool(job.deliveries) and job.sent is not None and job.sent.delay > 0
        for job in index.jobs.values()
    )


def _conflicts(index: Index, pairs: list[Pair]) -> int:
    return sum(
        each.fate == "duplicate" and each.holder != job.id
        for job in index.jobs.values()
        for each in job.sendings
    )


def _resent(index: Index, pairs: list[Pair]) -> int:
    return sum(len(job.sendings) > 1 for job in index.jobs.values())


def _extended(index: Index, pairs: list[Pair]) -> int:
    return index.succeeded["extend"]


def _buried(index: Index, pairs: list[Pair]) -> int:
    return sum(len(job.dead) for job in index.jobs.values())


def _shared_out(index: Index, pairs: list[Pair]) -> int:
    return sum(1 for _ in dues(index))


def _fault(kind: str) -> Callable[[Index, list[Pair]], int]:
    return lambda index, pairs: index.faults[kind]


def _shared(index: Index, pairs: list[Pair]) -> int:
    """How many processes beside the first one got jobs."""
    who = {each.event.process for job in index.jobs.values() for each in job.deliveries}
    return max(0, len(who) - 1)


SITUATIONS: dict[str, Callable[[Index, list[Pair]], int]] = {
    "a lease lapsed while its holder lived": _lapsed_alive,
    "a stale settlement was sent": _stale,
    "a call was cut after it had acted": _cut_after_apply,
    "a killed holder's job was delivered again": _redelivered_after_kill,
    "a batch of max_batch was enqueued": _whole_batches,
    "two maintained at once": _maintained_together,
    "25 leases had lapsed at once": _many_at_once,
    "a queue was paused with scheduled jobs": _paused_with_scheduled,
    "a job was buried as poison": _poison,
    "a job was retried": _again_after("retry"),
    "a job was released": _again_after("release"),
    "a job was abandoned": _again_after("abandon"),
    "a job was buried": _buried,
    "a settlement brought children": _with_children,
    "a delayed job was delivered": _delayed,
    "a unique key was refused": _conflicts,
    "a job was sent twice": _resent,
    "a lease was extended": _extended,
    "a process was killed": _fault("kill"),
    "a process was frozen": _fault("freeze"),
    "the server was killed": _fault("server kill"),
    "the server was frozen": _fault("server freeze"),
    "every connection was cut": _fault("server cut"),
    "two consumers shared the jobs": _shared,
    "a queue had to get its share": _shared_out,
}


def _lapsed(pair: Pair, index: Index) -> bool:
    before, after = pair
    return cause(before, after, index) == "lapse" and has_lapsed(before, after, index)


def _overlaps(calls: list[Call]) -> int:
    """How many calls began while one of another process ran."""
    return sum(1 for _ in _overlapping(calls))


def _overlapping(calls: list[Call]) -> Iterator[Call]:
    running, whose = -inf, ""
    for call in sorted(calls, key=lambda each: each.begin):
        if call.begin < running and call.process != whose:
            yield call
        if call.answer is not None and call.end > running:
            running, whose = call.end, call.process
