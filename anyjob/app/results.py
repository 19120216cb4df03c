"""Waiting for jobs to end, and what their end means to the one who waits."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    import asyncio

#: One wait of the backend; a wake-up that got lost costs no more than this.
_SLICE = 5.0
#: A thread that waits for many looks up so often, so that newcomers are seen soon.
_SHARED_SLICE = 0.05


def wait_for(backend: Backend, job: Job[Any], timeout: float | None) -> JobRecord:
    """Block until a job has ended; raises ResultTimeout, or ResultNotKept for an unknown one."""
    deadline = None if timeout is None else time.monotonic() + timeout
    while True:
        left = _SLICE if deadline is None else deadline - time.monotonic()
        record = backend.get(job.queue, [job.id], max(0.0, min(_SLICE, left)))[0]
        if record is None or record.state.is_terminal:
            return _known(record, job)
        if left <= 0:
            raise not_done(job, record, timeout)


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


def _known(record: JobRecord | None, job: Job[Any]) -> JobRecord:
    if record is None:
        raise ResultNotKept(
            f"{_named(job)} is not known in queue {job.queue!r}: it was purged, discarded, or its"
            " end is kept no longer; ask earlier, or keep it longer with keep=..."
        )
    return record


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


class Waiters:
    """One thread in which all coroutines of an opened app wait for their jobs; it lives while
    somebody waits.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._lock = threading.Lock()
        #: Guarded by the lock: queue -> id -> who waits.
        self._waiting: dict[str, dict[str, list[tuple[Any, Any]]]] = {}
        self._running = False

    async def wait_for(self, job: Job[Any], timeout: float | None) -> JobRecord:
        """Do what the function of that name does, without blocking the loop."""
        import asyncio

        loop = asyncio.get_running_loop()
        future: asyncio.Future[JobRecord | None] = loop.create_future()
        self._add(job, loop, future)
        try:
            async with asyncio.timeout(timeout):
                return _known(await future, job)
        except TimeoutError:
            raise not_done(job, None, timeout) from None
        finally:
            self._remove(job, future)

    def _add(self, job: Job[Any], loop: Any, future: Any) -> None:
        with self._lock:
            self._waiting.setdefault(job.queue, {}).setdefault(job.id, []).append((loop, future))
            if not self._running:
                self._running = True
                threading.Thread(target=self._work, name="anyjob-results", daemon=True).start()

    def _remove(self, job: Job[Any], future: Any) -> None:
        with self._lock:
            waiting = self._waiting.get(job.queue, {})
            left = [pair for pair in waiting.get(job.id, ()) if pair[1] is not future]
            if left:
                waiting[job.id] = left
            else:
                waiting.pop(job.id, None)
            if not waiting:
                self._waiting.pop(job.queue, None)

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._running = False
                    return
                asked = {queue: list(ids) for queue, ids in self._waiting.items()}
            for queue, ids in asked.items():
                self._look(queue, ids, _SHARED_SLICE / len(asked))

    def _look(self, queue: str, ids: list[str], wait: float) -> None:
        try:
            records = self._backend.get(queue, ids, wait)
        except Exception as error:  # a foreign backend's surprise, too, must reach whoever waits
            for job_id in ids:
                self._resolve(queue, job_id, error)
            return
        for job_id, record in zip(ids, records, strict=True):
            if record is None or record.state.is_terminal:
                self._resolve(queue, job_id, record)

    def _resolve(self, queue: str, job_id: str, answer: JobRecord | BaseException | None) -> None:
        with self._lock:
            pairs = self._waiting.get(queue, {}).pop(job_id, [])
            if not self._waiting.get(queue):
                self._waiting.pop(queue, None)
        for loop, future in pairs:
            try:
                loop.call_soon_threadsafe(_answer, future, answer)
            except RuntimeError:
                continue  # the loop was closed: nobody waits any more


def _answer(future: asyncio.Future[Any], answer: Any) -> None:
    if future.done():
        return
    if isinstance(answer, BaseException):
        future.set_exception(answer)
    else:
        future.set_result(answer)
