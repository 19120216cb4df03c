"""One run of a job, as the task and the middleware see it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import msgspec

from anyjob.core.clock import Clock
from anyjob.core.errors import Misuse
from anyjob.core.settlement import Lease
from anyjob.core.wire import Body

if TYPE_CHECKING:
    from anyjob.core.task import Task


class Progress(msgspec.Struct, frozen=True, omit_defaults=True):
    """How far a job has come, in the task's own units."""

    done: float
    total: float | None = None
    text: str = ""
    #: Seconds since the epoch.
    at: float = 0.0


class Attempt:
    """One run of a job. Any thread may read it; `cancelled` and `progress` are for the task."""

    __slots__ = (
        "_report",
        "body",
        "clock",
        "deadline",
        "ending",
        "lease",
        "lease_deadline",
        "started",
        "task",
    )

    def __init__(
        self,
        task: Task[..., Any],
        lease: Lease,
        body: Body,
        clock: Clock,
        report: Callable[[Attempt, Progress], None] | None = None,
    ) -> None:
        self.task = task
        self.lease = lease
        self.body = body
        self.clock = clock
        self._report = report
        #: `clock.monotonic()` at which the attempt has used up its timeout; None without one. Set
        #: when it begins.
        self.deadline: float | None = None
        #: `clock.monotonic()` until which the lease is surely ours; the worker moves it.
        self.lease_deadline = 0.0
        #: `clock.monotonic()` at which the task began.
        self.started = 0.0
        #: Why the attempt should stop; empty as long as it may go on.
        self.ending = ""

    @property
    def cancelled(self) -> bool:
        """Whether the task should stop: its time is over, its lease lost, or the worker stops."""
        return bool(self.ending)

    @property
    def id(self) -> str:
        """The job's id, the same in every attempt."""
        return self.lease.id

    @property
    def idempotency_key(self) -> str:
        """The same in every attempt of the job and after a revival: hand it to whoever must act
        once only.
        """
        return self.lease.id

    @property
    def queue(self) -> str:
        return self.lease.queue

    @property
    def priority(self) -> int:
        return self.lease.priority

    @property
    def attempt(self) -> int:
        """The number of this run, from 1."""
        return self.lease.attempt

    @property
    def redeliveries(self) -> int:
        """How many leases of this job were lost."""
        return self.lease.redeliveries

    @property
    def headers(self) -> Mapping[str, str]:
        return self.body.headers

    @property
    def options(self) -> Mapping[str, Any]:
        """The middleware's options: the job's own over its task's.

        Raises InvalidOption for a message whose options are not what the middleware declared.
        """
        own = self.body.options
        return (
            self.task.extra_options | self.task.read_options(own)
            if own
            else self.task.extra_options
        )

    @property
    def enqueued_at(self) -> float:
        """Seconds since the epoch."""
        return self.body.enqueued_at

    @property
    def timeout(self) -> float | None:
        """The seconds this attempt may take: the job's own over its task's; None: no limit."""
        own = self.body.timeout
        # 0 on the wire takes the task's limit away.
        return self.task.options.timeout if own is None else own or None

    def remaining(self) -> float | None:
        """Return the seconds that are left of the timeout, at least 0; None without one."""
        if self.deadline is None:
            return None
        return max(0.0, self.deadline - self.clock.monotonic())

    def progress(self, done: float, total: float | None = None, text: str = "") -> None:
        """Say how far the job has come; cheap, never blocks, shown at most once a second.

        `text` is cut at 200 characters. Needs a store: with none the plan refuses it, raising
        UnsupportedCapability.
        """
        if self._report is not None:
            self._report(self, Progress(done, total, text[:200], self.clock.time()))

    def __repr__(self) -> str:
        return f"<Attempt {self.attempt} of {self.task.name} {self.id}>"


_current: ContextVar[Attempt] = ContextVar("anyjob_current_job")
enter = _current.set


def current_job() -> Attempt:
    """Return the attempt that runs here; raises Misuse outside a task."""
    try:
        return _current.get()
    except LookupError:
        raise Misuse("current_job() was called where no job runs; call it inside a task") from None
