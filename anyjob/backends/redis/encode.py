"""Jobs and settlements as the arguments of scripts."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from anyjob.backends.redis.resp import Word
from anyjob.core.envelope import Envelope, Unique
from anyjob.core.settlement import (
    Abandon,
    Bury,
    Complete,
    End,
    Lease,
    Release,
    Retry,
    Settlement,
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
#: Seconds that are as good as for ever, and that a script can still calculate with.
_FOR_EVER = 1e10
_NO_WORDS: list[Word] = []


def milliseconds(seconds: float) -> int:
    """Whole milliseconds, at least as long."""
    return math.ceil(min(seconds, _FOR_EVER) * 1000)


def microseconds(seconds: float) -> int:
    """Whole microseconds, at least as long."""
    return math.ceil(min(seconds, _FOR_EVER) * 1_000_000)


def owner(lease: Lease) -> bytes:
    """What tells in Redis that a job is leased under this lease."""
    return b"%d:%016x" % (lease.priority, lease.token)


def runs(
    jobs: Iterable[Envelope], numbers: Mapping[str, int], parent: int = 0
) -> tuple[int, list[Word]]:
    """Jobs as the runs of lua/put.lua: how many, and their words."""
    words: list[Word] = []
    count, kind, at = 0, None, 0
    for job in jobs:
        keyed = job.unique is not None
        now = (job.queue, job.priority, job.due, keyed)
        if now != kind:
            kind, count = now, count + 1
            at = len(words) + 5
            due = b"" if job.due is None else _due(job.due)
            words += (numbers[job.queue], job.priority, due, int(keyed), parent, 0)
        words[at] += 1  # type: ignore[operator]
        words.append(job.id)
        words.append(job.body)
        if job.unique is not None:
            words += _unique(job.unique)
    return count, words


def settled(
    settlements: Sequence[Settlement], numbers: Mapping[str, int]
) -> tuple[list[Word], list[int]]:
    """Settlements of one queue's leases as the words of lua/settle.lua, and which of them each
    answer is about. No lease may be among them twice.
    """
    plain: list[Word] = []
    others: list[Word] = []
    order: list[int] = []
    late: list[int] = []
    for at, each in enumerate(settlements):
        if type(each) is Complete and each.note is None and each.outcome is None and not each.keep:
            order.append(at)
            plain.append(each.lease.id)
            plain.append(owner(each.lease))
        else:
            late.append(at)
            others += _other(each)
    order += late
    count, children = 0, _NO_WORDS
    # In the order in which they were settled, which is that of their places.
    for at, number in sorted((at, number) for number, at in enumerate(order, 1)):
        if settlements[at].then:
            more, words = runs(settlements[at].then, numbers, number)
            count, children = count + more, children + words
    return [len(order) - len(late), len(late), count, *plain, *others, *children], order


def _other(each: Settlement) -> list[Word]:
    kind, argument = _kind(each)
    return [
        kind,
        each.lease.id,
        owner(each.lease),
        argument,
        milliseconds(each.keep),
        _given(each.note),
        _given(each.outcome),
    ]


def _kind(settlement: Settlement) -> tuple[bytes, Any]:
    match settlement:
        case Complete():
            return b"C", b""
        case End(state=state):
            return (b"X" if state == "expired" else b"D"), b""
        case Retry(delay=delay):
            return b"R", microseconds(delay)
        case Release(delay=delay):
            return b"L", microseconds(delay)
        case Bury(reason=reason, ran=ran):
            # A person reads it, whatever a task put in: a name of a file, say, that is no UTF-8.
            return (b"B" if ran else b"U"), reason.encode("utf-8", "backslashreplace")
        case Abandon():
            return b"A", b""


def _given(value: bytes | None) -> bytes:
    return b"" if value is None else b"=" + value


def _due(due: float | datetime) -> bytes:
    if isinstance(due, datetime):
        return b"@%d" % ((due - _EPOCH) // _MICROSECOND)
    return b"+%d" % microseconds(due)


def _unique(unique: Unique) -> tuple[Word, Word]:
    key = hashlib.blake2b(unique.key.encode(), digest_size=16).digest()
    return key, 0 if unique.ttl is None else milliseconds(unique.ttl)
