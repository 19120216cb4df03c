"""Unique keys with two holders, and conflicts without one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from math import inf

from anyjob.conformance.history.index import TERMINAL, Index, Job
from anyjob.conformance.history.rules.finding import Finding


def unique(index: Index) -> Iterator[Finding]:
    """At most one unfinished job holds a key, and a conflict names one that does."""
    if index.levels.unique == "none":
        return
    yield from _two_holders(index)
    yield from _false_conflicts(index)


def _two_holders(index: Index) -> Iterator[Finding]:
    spans: dict[tuple[str, str], list[tuple[float, float, str]]] = defaultdict(list)
    for job in index.jobs.values():
        if job.sent is not None and job.sent.unique is not None and job.accepted < inf:
            span = (job.accepted, _held_until(job), job.id)
            spans[job.sent.queue, job.sent.unique].append(span)
    for (_, key), held in spans.items():
        until, holder = -inf, ""
        for begin, end, job_id in sorted(held):
            if begin < min(until, end):
                yield Finding(job_id, f"accepted under the key {key!r}, which {holder} held")
            if end > until:
                until, holder = end, job_id


def _false_conflicts(index: Index) -> Iterator[Finding]:
    for job in index.jobs.values():
        for sending in job.sendings:
            if sending.fate != "duplicate" or sending.holder == job.id or sending.call is None:
                continue
            holder = index.jobs.get(sending.holder)
            if holder is None or holder.sent is None:
                yield Finding(job.id, f"refused for {sending.holder}, which nobody sent")
            elif holder.sent.unique != sending.sent.unique:
                yield Finding(job.id, f"refused for {holder.id}, which holds no such key")
            elif _surely_over(holder) < sending.begin:
                yield Finding(job.id, f"refused for {holder.id}, which had ended")


def _held_until(job: Job) -> float:
    """Until when it surely holds its key: the first end that may have acted."""
    ends = [each.begin for each in job.settlings if _may_end(each.event.kind, each.answer)]
    ends += [cancel.mono for cancel, answer, _ in job.cancels if answer != "fail"]
    return min(ends, default=inf)


def _may_end(kind: str, answer: str | None) -> bool:
    return kind in TERMINAL and answer != "fail"


def _surely_over(job: Job) -> float:
    """When its end was answered."""
    ends = [
        each.answered
        for each in job.settlings
        if each.answer == "ok" and each.event.kind in TERMINAL
    ]
    ends += [at for _, answer, at in job.cancels if answer == "ok"]
    return min(ends, default=inf)
