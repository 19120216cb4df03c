"""A backend that watches its caller: does a worker keep its side of the contract?"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any

from anyjob.conformance.checked_leases import CheckedConsumer, problems_of
from anyjob.core.backend import (
    Backend,
    CancelResult,
    Consumer,
    Counts,
    Finding,
    JobRecord,
    Page,
    QueueShare,
    QueueSpec,
    Watch,
)
from anyjob.core.capabilities import Capabilities
from anyjob.core.clock import Clock, SystemClock
from anyjob.core.envelope import Envelope, Receipt
from anyjob.core.errors import Misuse
from anyjob.core.state import State
from anyjob.core.store import Store

LOGGER = logging.getLogger("anyjob.conformance")


class Checked(Backend):
    """Hands every call on to `inner`, and reports what the contract forbids its caller.

    A violation is logged as an error at once and kept in `violations`; `check()`, called when
    everything is closed, raises AssertionError with all of them. The calls themselves go on, so
    that a program behaves as it does without. `clock` is the caller's, for local deadlines. Any
    thread may call.
    """

    def __init__(self, inner: Backend, *, clock: Clock | None = None) -> None:
        self._inner = inner
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        #: Where it is open.
        self._process: int | None = None
        self._was_opened = False
        self._consumers: list[CheckedConsumer] = []
        #: What the caller did wrong, in order.
        self.violations: list[str] = []

    def __repr__(self) -> str:
        return f"Checked({self._inner!r})"

    @property
    def capabilities(self) -> Capabilities:  # type: ignore[override]  # known once it is open
        return self._inner.capabilities

    def check(self) -> None:
        """Fail with every violation; a backend that is open, and a consumer that fetched and was
        not closed, are such.
        """
        left = sum(each.has_fetched and not each.is_closed for each in self._consumers)
        if self._process is not None:
            self._report("the backend was never closed")
        if left:
            self._report(f"{left} consumers were never closed")
        assert not self.violations, "the caller broke the contract:\n" + "\n".join(self.violations)

    # Opening and closing

    def open(self) -> None:
        self._check_process("open")
        self._inner.open()
        self._process = os.getpid()
        self._was_opened = True

    def close(self) -> None:
        self._check_process("close")
        self._inner.close()
        self._process = None

    def declare(self, queues: Collection[QueueSpec]) -> None:
        self._called("declare")
        self._inner.declare(queues)

    # Jobs

    def enqueue(self, jobs: Sequence[Envelope], *, transaction: Any = None) -> list[Receipt]:
        self._called("enqueue")
        self._check_jobs(jobs)
        return self._inner.enqueue(jobs, transaction=transaction)

    def aenqueue(self, jobs: Sequence[Envelope]) -> Awaitable[list[Receipt]] | None:
        self._called("aenqueue")
        answer = self._inner.aenqueue(jobs)
        if answer is not None:  # else they come by `enqueue`
            self._check_jobs(jobs)
        return answer

    def consume(self, queues: Sequence[QueueShare], *, lease: float, worker: str) -> Consumer:
        self._called("consume")
        most = self.capabilities.max_lease
        if not lease > 0 or (most is not None and lease > most):
            self._report(f"a consumer was given leases of {lease!r} s, and max_lease is {most!r}")
        consumer = CheckedConsumer(
            self._inner.consume(queues, lease=lease, worker=worker),
            [share.queue for share in queues],
            lease,
            self.capabilities,
            self._clock,
            self._report,
            self._check_process,
        )
        self._consumers.append(consumer)
        return consumer

    def maintain(self, budget: float) -> float:
        self._called("maintain")
        if not budget > 0:
            self._report(f"maintain was given a budget of {budget!r} s")
        return self._inner.maintain(budget)

    # Administration

    def counts(self, queue: str) -> Counts:
        self._called("counts")
        return self._inner.counts(queue)

    def pause(self, queue: str) -> None:
        self._called("pause")
        self._inner.pause(queue)

    def resume(self, queue: str) -> None:
        self._called("resume")
        self._inner.resume(queue)

    def paused(self) -> set[str]:
        self._called("paused")
        return self._inner.paused()

    def queues(self) -> set[str]:
        self._called("queues")
        return self._inner.queues()

    def browse(self, queue: str, state: State, cursor: str | None, limit: int) -> Page:
        self._called("browse")
        return self._inner.browse(queue, state, cursor, limit)

    def get(self, queue: str, ids: Sequence[str], wait: float = 0.0) -> list[JobRecord | None]:
        self._called("get")
        return self._inner.get(queue, ids, wait)

    def watch(self) -> Watch | None:
        self._called("watch")
        return self._inner.watch()

    def cancel(self, queue: str, ids: Sequence[str], *, keep: float = 0.0) -> list[CancelResult]:
        self._called("cancel")
        return self._inner.cancel(queue, ids, keep=keep)

    def purge(self, queue: str, states: Collection[State]) -> int:
        self._called("purge")
        return self._inner.purge(queue, states)

    def revive(
        self,
        queue: str,
        ids: Sequence[str] | None,
        *,
        edit: Mapping[str, bytes] | None = None,
    ) -> int:
        self._called("revive")
        return self._inner.revive(queue, ids, edit=edit)

    def discard(self, queue: str, ids: Sequence[str] | None) -> int:
        self._called("discard")
        return self._inner.discard(queue, ids)

    def store(self) -> Store | None:
        return self._inner.store()

    def weaknesses(self) -> list[Finding]:
        return self._inner.weaknesses()

    def subscribe(self, report: Callable[[str, Mapping[str, Any]], None]) -> None:
        self._inner.subscribe(report)

    # What is forbidden

    def _check_jobs(self, jobs: Sequence[Envelope]) -> None:
        if not self._was_opened:
            return
        levels = self.capabilities
        if len(jobs) > levels.max_batch:
            self._report(f"{len(jobs)} jobs were enqueued in one call, over {levels.max_batch}")
        if len({job.id for job in jobs}) < len(jobs):
            self._report("one call of enqueue holds an id twice")
        for problem in problems_of(jobs, levels):
            self._report(f"a job that was enqueued {problem}")

    def _called(self, name: str) -> None:
        # After close() the backend says so itself, to callers that could not know of it.
        if not self._was_opened:
            self._report(f"{name} was called on a backend that was never opened")
        self._check_process(name)

    def _check_process(self, name: str) -> None:
        if self._process not in (None, os.getpid()):
            # What a forked child keeps in its memory, its parent never sees.
            self._report(f"{name} was called in a forked child")
            raise Misuse(f"{name} in a forked child of the process that opened the backend")

    def _report(self, what: str) -> None:
        with self._lock:
            self.violations.append(what)
        LOGGER.error("the contract is broken: %s", what)
