"""What the end of a job means to the one who waits for it."""

from __future__ import annotations

import time
from typing import Any

from anyjob.core.backend import Backend, JobRecord
from anyjob.core.errors import (
    JobCancelled,
    JobDead,
    JobExpired,
    ResultNotKept,
    ResultTimeout,
)
from anyjob.core.job import Job
from anyjob.core.note import read_note
from anyjob.core.result import Ended, decode_end
from anyjob.core.state import State
from anyjob.core.task import Registry

#: One wait of the backend; a wake-up that got lost costs no more than this.
_SLICE = 5.0


def wait_alone(backend: Backend, job: Job[Any], timeout: float | None) -> JobRecord:
    """Block until a job has ended, in the backend's own wait; raises as `Waiters.wait_for`."""
    deadline = None if timeout is None else time.monotonic() + timeout
    while True:
        left = _SLICE if deadline is None else deadline - time.monotonic()
        record = backend.get(job.queue, [job.id], max(0.0, min(_SLICE, left)))[0]
        if is_over(record):
            return known(record, job)
        if left <= 0:
            raise not_done(job, record, timeout)


def is_over(record: JobRecord | None) -> bool:
    """Whether there is nothing to wait for any more."""
    return record is None or record.state.is_terminal


def known(record: JobRecord | None, job: Job[Any]) -> JobRecord:
    """The record of a job; raises ResultNotKept if nobody knows it."""
    if record is None:
        raise ResultNotKept(
            f"{_named(job)} is not known in queue {job.queue!r}: it was purged, discarded, or its"
            " end is kept no longer; ask earlier, or keep it longer with keep=..."
        )
    return record


def value_of(record: JobRecord, registry: Registry, job: Job[Any], now: float) -> Any:
    """Return the typed result of an ended job, or raise the error of its end; `now` in seconds
    since the epoch.
    """
    ended = decode_end(record.outcome) if record.outcome is not None else Ended()
    match record.state:
        case State.SUCCEEDED if not ended.is_shown(now):
            raise ResultNotKept(
                f"{_named(job)} succeeded, and its result is kept no longer; ask earlier, or keep"
                " it longer with keep=..."
            )
        case State.SUCCEEDED:
            return _typed(bytes(ended.result), registry, job, kept=record.outcome is not None)
        case State.DEAD:
            note = read_note(record.note)
            error = f"{note.type}: {note.message}" if note.type else ""
            raise JobDead(
                f"{_named(job)} is dead ({record.reason}){': ' + error if error else ''};"
                f" see `anyjob dead show {job.id}`",
                reason=record.reason or "",
                error=error,
            )
        case State.EXPIRED:
            raise JobExpired(
                f"{_named(job)} expired before it was started; enqueue it anew if it is still"
                " wanted, with a later expires=..."
            )
        case _:
            why = f": {ended.reason}" if ended.reason else ""
            raise JobCancelled(
                f"{_named(job)} was cancelled{why}; enqueue it anew if it is still wanted"
            )


def not_done(job: Job[Any], record: JobRecord | None, timeout: float | None) -> ResultTimeout:
    """Return the error of a wait that ended before the job did."""
    state = f" and is {record.state}" if record is not None else ""
    return ResultTimeout(
        f"{_named(job)} had not ended after {timeout:g} s{state}; wait longer, or look later with"
        f" `anyjob jobs show {job.id}`"
    )


def _typed(payload: bytes, registry: Registry, job: Job[Any], *, kept: bool) -> Any:
    task = registry.find(job.task) if job.task else None
    if not kept:
        return None
    if task is None:
        import msgspec

        return msgspec.json.decode(payload)
    return task.signature.decode_result(payload)


def _named(job: Job[Any]) -> str:
    return f"job {job.id} of task {job.task!r}" if job.task else f"job {job.id}"
