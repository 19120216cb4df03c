"""Everybody of an opened app who waits for jobs to end: one thread hears and looks for all."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from anyjob.app.asking import Asking
from anyjob.app.results import is_over, known, not_done, wait_alone
from anyjob.core.backend import Backend, JobRecord
from anyjob.core.errors import BackendUnavailable
from anyjob.core.job import Job

if TYPE_CHECKING:
    import asyncio

_NET_SECONDS = 5.0

#: What became of a job: its record, None if nobody knows it, or why nobody can say.
Answer = JobRecord | BaseException | None


class _Waiter(Protocol):
    """Whoever is told, by the thread."""

    def tell(self, answer: Answer) -> None: ...

    def is_gone(self) -> bool: ...


class Waiters:
    """Those who wait in coroutines and threads, and the thread that lives while somebody does.

    The thread alone uses the watch, but for `wake`. Any thread may call the rest.
    """

    def __init__(self, backend: Backend, *, net: float = _NET_SECONDS) -> None:
        """Begin with nobody, on a backend that is open; all are looked at every `net` seconds, for
        the sake of a word that got lost.
        """
        self._backend = backend
        self._net = net
        watch = backend.watch()
        self._is_told = watch is not None
        self._watch = Asking() if watch is None else watch
        #: Held by the one caller that looks at its own job.
        self._glancing = threading.Lock()
        #: Guards what follows.
        self._lock = threading.Lock()
        #: Queue -> id -> who waits.
        self._waiting: dict[str, dict[str, list[_Waiter]]] = {}
        #: Jobs that somebody began or ceased to wait for since the thread last asked.
        self._changed: set[tuple[str, str]] = set()
        self._is_running = self._is_closed = False

    def wait_for(self, job: Job[Any], timeout: float | None) -> JobRecord:
        """Block until a job has ended; raises ResultTimeout, or ResultNotKept for one that nobody
        knows.
        """
        if not self._is_told or timeout == 0:
            return wait_alone(self._backend, job, timeout)
        deadline = None if timeout is None else time.monotonic() + timeout
        for record in self._glance(job):
            if is_over(record):
                return known(record, job)
        waiter = _Thread()
        self._join(job, waiter)
        try:
            self._stir()
            if waiter.is_told_by(deadline):
                return known(waiter.answer(), job)
        finally:
            self._leave(job, waiter)
        last: JobRecord | None = None
        for last in self._glance(job):
            if is_over(last):
                return known(last, job)
        raise not_done(job, last, timeout)

    async def await_for(self, job: Job[Any], timeout: float | None) -> JobRecord:
        """Do what `wait_for` does, without blocking the loop."""
        import asyncio

        if timeout == 0:  # one look, which a timeout of the loop's would not wait for
            return await asyncio.to_thread(wait_alone, self._backend, job, 0.0)
        loop = asyncio.get_running_loop()
        waiter = _Coroutine(loop)
        self._join(job, waiter)
        try:
            # Those who come in the same turn of the loop are looked for together.
            loop.call_soon(self._stir)
            async with asyncio.timeout(timeout):
                return known(await waiter.future, job)
        except TimeoutError:
            raise not_done(job, None, timeout) from None
        finally:
            self._leave(job, waiter)

    def close(self) -> None:
        """Let everybody look, and so learn that the backend was closed before."""
        with self._lock:
            self._is_closed = True
            self._changed |= {(queue, id) for queue, ids in self._waiting.items() for id in ids}
            is_running = self._is_running
        if is_running:
            self._watch.wake()
        else:
            self._watch.close()

    # Coming and going

    def _join(self, job: Job[Any], waiter: _Waiter) -> None:
        with self._lock:
            self._waiting.setdefault(job.queue, {}).setdefault(job.id, []).append(waiter)
            self._changed.add((job.queue, job.id))

    def _leave(self, job: Job[Any], waiter: _Waiter) -> None:
        with self._lock:
            waiting = self._waiting.get(job.queue, {}).get(job.id, [])
            if waiter not in waiting:
                return  # it was told
            waiting.remove(waiter)
            if not waiting:
                self._forget(job.queue, job.id)
        self._watch.wake()

    def _forget(self, queue: str, id: str) -> list[_Waiter]:
        """Those who wait for a job, who do no longer; with the lock held."""
        waiting = self._waiting.get(queue, {})
        waiters = waiting.pop(id, [])
        if not waiting:
            self._waiting.pop(queue, None)
        self._changed.add((queue, id))
        return waiters

    def _stir(self) -> None:
        """Let the thread see who came."""
        with self._lock:
            is_new = not self._is_running and bool(self._waiting)
            self._is_running |= is_new
        if not is_new:
            self._watch.wake()
            return
        try:
            threading.Thread(target=self._work, name="anyjob-results", daemon=True).start()
        except RuntimeError as error:  # the machine has no room for one
            with self._lock:
                self._is_running = False
            self._end_all(BackendUnavailable(f"nobody can wait for results: {error}"))

    def _glance(self, job: Job[Any]) -> list[JobRecord | None]:
        """What the caller sees of its job; nothing while another looks, as many would each take a
        connection.
        """
        if not self._glancing.acquire(blocking=False):
            return []
        try:
            return self._backend.get(job.queue, [job.id])
        finally:
            self._glancing.release()

    # The thread's own

    def _work(self) -> None:
        net_at = time.monotonic() + self._net
        while self._is_wanted():
            try:
                self._follow()
                told = self._watch.wait(self._patience(net_at))
            except Exception as error:  # a foreign backend's surprise, too, must reach who waits
                self._end_all(error)
                continue
            if time.monotonic() >= net_at:
                net_at = time.monotonic() + self._net
                told = self._everything()
            self._look(told)

    def _is_wanted(self) -> bool:
        with self._lock:
            if self._waiting or self._changed:
                return True
            if self._is_closed:
                self._watch.close()
            self._is_running = False
            return False

    def _follow(self) -> None:
        """Watch those who are waited for by now, and no others; look at those that are new."""
        with self._lock:
            changed, self._changed = self._changed, set()
            come = _by_queue(pair for pair in changed if pair[1] in self._waiting.get(pair[0], ()))
        gone = _by_queue(pair for pair in changed if pair[1] not in come.get(pair[0], ()))
        for queue, ids in gone.items():
            self._watch.remove(queue, ids)
        for queue, ids in come.items():
            self._watch.add(queue, ids)
        self._look(come)

    def _patience(self, net_at: float) -> float:
        with self._lock:
            is_settled = bool(self._waiting) and not self._changed
        return max(0.0, net_at - time.monotonic()) if is_settled else 0.0

    def _everything(self) -> dict[str, list[str]]:
        """All jobs that somebody waits for, without those whose loop is no more."""
        with self._lock:
            everything = [(queue, id) for queue, ids in self._waiting.items() for id in ids]
            for queue, id in everything:
                if all(waiter.is_gone() for waiter in self._waiting[queue][id]):
                    self._forget(queue, id)
            return {queue: list(ids) for queue, ids in self._waiting.items()}

    def _look(self, told: Mapping[str, Collection[str]]) -> None:
        for queue, ids in told.items():
            with self._lock:
                asked = [id for id in ids if id in self._waiting.get(queue, ())]
            if not asked:
                continue
            try:
                records = self._backend.get(queue, asked)
            except Exception as error:  # as above
                for id in asked:
                    self._end(queue, id, error)
                continue
            for id, record in zip(asked, records, strict=True):
                if is_over(record):
                    self._end(queue, id, record)

    def _end_all(self, error: Exception) -> None:
        with self._lock:
            everything = [(queue, id) for queue, ids in self._waiting.items() for id in ids]
        for queue, id in everything:
            self._end(queue, id, error)

    def _end(self, queue: str, id: str, answer: Answer) -> None:
        with self._lock:
            waiters = self._forget(queue, id)
        for waiter in waiters:
            waiter.tell(answer)


class _Thread:
    """A thread that waits."""

    def __init__(self) -> None:
        self._told = threading.Event()
        self._answer: Answer = None

    def tell(self, answer: Answer) -> None:
        self._answer = answer
        self._told.set()

    def is_gone(self) -> bool:
        return False

    def is_told_by(self, deadline: float | None) -> bool:
        """Wait for the answer; whether it came."""
        if deadline is None:
            return self._told.wait()
        return self._told.wait(min(max(0.0, deadline - time.monotonic()), threading.TIMEOUT_MAX))

    def answer(self) -> JobRecord | None:
        if isinstance(self._answer, BaseException):
            raise self._answer
        return self._answer


class _Coroutine:
    """A coroutine that waits."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.future: asyncio.Future[JobRecord | None] = loop.create_future()

    def tell(self, answer: Answer) -> None:
        try:
            self._loop.call_soon_threadsafe(self._settle, answer)
        except RuntimeError:
            return  # the loop was closed: nobody waits any more

    def is_gone(self) -> bool:
        return self._loop.is_closed()

    def _settle(self, answer: Answer) -> None:
        if self.future.done():
            return
        if isinstance(answer, BaseException):
            self.future.set_exception(answer)
        else:
            self.future.set_result(answer)


def _by_queue(pairs: Iterable[tuple[str, str]]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for queue, id in pairs:
        found.setdefault(queue, set()).add(id)
    return found
