"""The caller's side of a consumer: what becomes of each lease, and who may call what."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from anyjob.core.backend import Consumer
from anyjob.core.capabilities import Capabilities
from anyjob.core.clock import Clock
from anyjob.core.envelope import Envelope
from anyjob.core.settlement import (
    MAX_NOTE,
    Answer,
    Bury,
    Lease,
    Settled,
    Settlement,
)

#: The part of a lease that may be counted on, from before it was asked for.
SAFE_SHARE = 0.9

Report = Callable[[str], None]


@dataclass(eq=False)
class _Held:
    """A lease in its caller's hands."""

    lease: Lease
    #: By the caller's clock, taken before the fetch or the extension.
    deadline: float
    #: Sent and not answered, or answered as unknown.
    settlement: Settlement | None = None
    is_unknown: bool = False
    #: Answered for good.
    is_over: bool = False
    #: Somebody said that it is lost.
    is_lost: bool = False


class CheckedConsumer(Consumer):
    """Hands every call on, and reports what the contract forbids its caller.

    Any thread may call, as the contract says; a lock guards what is known of the leases.
    """

    def __init__(
        self,
        inner: Consumer,
        queues: Sequence[str],
        lease: float,
        capabilities: Capabilities,
        clock: Clock,
        report: Report,
        check_process: Callable[[str], None],
    ) -> None:
        self._inner = inner
        self._queues = frozenset(queues)
        self._lease = lease
        self._levels = capabilities
        self._clock = clock
        self._report = report
        self._check_process = check_process
        self._lock = threading.Lock()
        self._held: dict[tuple[str, str, int], _Held] = {}
        self._fetcher: int | None = None
        self._never_flushed = 0
        self.is_closed = False

    @property
    def has_fetched(self) -> bool:
        """Whether it may hold anything."""
        return self._fetcher is not None

    # Calls

    def fetch(
        self, credit: int, timeout: float, limits: Mapping[str, int] | None = None
    ) -> list[Lease]:
        self._called("fetch")
        self._check_fetch(credit, timeout, limits)
        # Before the request: a slow reply must not make the lease look longer than it is.
        deadline = self._clock.monotonic() + self._lease
        leases = self._inner.fetch(credit, timeout, limits)
        with self._lock:
            for lease in leases:
                self._held[_key(lease)] = _Held(lease, deadline)
        return leases

    def settle(self, settlements: Sequence[Settlement]) -> None:
        self._called("settle")
        now = self._clock.monotonic()
        with self._lock:
            for settlement in settlements:
                self._check_settlement(settlement)
                self._settling(settlement, now)
            self._never_flushed += len(settlements)
        self._inner.settle(settlements)

    def flush(self, deadline: float) -> list[Settled]:
        self._called("flush")
        if not deadline >= 0:
            self._report(f"flush was given a deadline of {deadline!r} s")
        with self._lock:
            self._never_flushed = 0
        answered = self._inner.flush(deadline)
        with self._lock:
            for each in answered:
                self._answered(each)
        return answered

    def extend(self, leases: Sequence[Lease], lease: float) -> list[Lease]:
        self._called("extend")
        most = self._levels.max_lease
        if not lease > 0 or (most is not None and lease > most):
            self._report(f"leases were extended by {lease!r} s, and max_lease is {most!r}")
        now = self._clock.monotonic()
        with self._lock:
            for each in leases:
                self._extending(each, now)
        lost = self._inner.extend(leases, lease)
        gone = {_key(each) for each in lost}
        with self._lock:
            for key in map(_key, leases):
                held = self._held.get(key)
                if held is not None and key in gone:
                    held.is_lost = True
                elif held is not None:
                    held.deadline = now + lease
        return lost

    def wake(self) -> None:
        self._called("wake")
        self._inner.wake()

    def stop(self) -> None:
        self._called("stop")
        self._inner.stop()

    def close(self, *, release: bool) -> None:
        self._check_process("close a consumer")
        if not self.is_closed and self._never_flushed:
            self._report(
                f"a consumer was closed with {self._never_flushed} settlements whose answers"
                " nobody asked for; flush before closing"
            )
        self.is_closed = True
        self._inner.close(release=release)

    # What is forbidden

    def _called(self, name: str) -> None:
        self._check_process(name)
        if self.is_closed:
            self._report(f"{name} was called on a closed consumer")

    def _check_fetch(self, credit: int, timeout: float, limits: Mapping[str, int] | None) -> None:
        me = threading.get_ident()
        self._fetcher = self._fetcher or me
        if self._fetcher != me:
            self._report("fetch was called from a second thread")
        if credit < 1:
            self._report(f"fetch was given a credit of {credit!r}")
        if not timeout >= 0:
            self._report(f"fetch was given a timeout of {timeout!r} s")
        for queue, limit in (limits or {}).items():
            if queue not in self._queues or limit < 0:
                self._report(f"fetch was given a limit of {limit!r} for {queue!r}")

    def _check_settlement(self, settlement: Settlement) -> None:
        who = f"{type(settlement).__name__} of {settlement.lease.id}"
        if settlement.note is not None and len(settlement.note) > MAX_NOTE:
            self._report(f"the {who} has a note of {len(settlement.note)} bytes, over {MAX_NOTE}")
        if settlement.outcome is not None and self._levels.results == "none":
            self._report(f"the {who} has an outcome, and the backend keeps none")
        if isinstance(settlement, Bury) and self._levels.dead == "none":
            self._report(f"the {who} needs dead letters, and the backend has none")
        if getattr(settlement, "delay", 0.0) and self._levels.delay == "none":
            self._report(f"the {who} has a delay, and the backend has none")
        for problem in problems_of(settlement.then, self._levels):
            self._report(f"a child of the {who} {problem}")

    def _settling(self, settlement: Settlement, now: float) -> None:
        lease = settlement.lease
        held = self._held.get(_key(lease))
        if held is None:
            self._report(f"{lease.id} was settled, and this consumer never leased it")
            return
        if held.is_over:
            self._report(f"{lease.id} was settled again after its answer")
        elif held.is_lost:
            self._report(f"{lease.id} was settled after its lease was reported lost")
        elif held.is_unknown and not _is_same(held.settlement, settlement):
            self._report(
                f"{lease.id} was settled as {type(settlement).__name__}, while its"
                f" {type(held.settlement).__name__} is unknown; only the same may be repeated"
            )
        elif held.settlement is not None and not held.is_unknown:
            self._report(f"{lease.id} was settled twice")
        if self._is_too_late(held, now):
            self._report(
                f"{lease.id} was settled {now - self._safe(held):.3f} s after its local deadline"
            )
        held.settlement, held.is_unknown = settlement, False

    def _extending(self, lease: Lease, now: float) -> None:
        held = self._held.get(_key(lease))
        if held is None:
            self._report(f"{lease.id} was extended, and this consumer never leased it")
        elif held.is_over:
            self._report(f"{lease.id} was extended after its settlement was answered")
        elif held.is_lost:
            self._report(f"{lease.id} was extended after its lease was reported lost")
        elif self._is_too_late(held, now):
            self._report(f"{lease.id} was extended after its local deadline")

    def _answered(self, settled: Settled) -> None:
        held = self._held.get(_key(settled.settlement.lease))
        if held is None:
            return
        held.is_unknown = settled.answer is Answer.UNKNOWN
        held.is_over = not held.is_unknown

    def _is_too_late(self, held: _Held, now: float) -> bool:
        return self._levels.fencing == "local" and now > self._safe(held)

    def _safe(self, held: _Held) -> float:
        return held.deadline - (1 - SAFE_SHARE) * self._lease


def problems_of(jobs: Sequence[Envelope], levels: Capabilities) -> list[str]:
    """What of these jobs the backend declared that it cannot take."""
    problems = []
    for job in jobs:
        if len(job.body) > levels.max_payload:
            problems.append(f"has {len(job.body)} bytes, over {levels.max_payload}")
        if job.due is not None and levels.delay == "none":
            problems.append("has a delay, and the backend has none")
        if isinstance(job.due, int | float) and job.due > (levels.max_delay or job.due):
            problems.append(f"has a delay of {job.due:g} s, over {levels.max_delay}")
        if job.unique is not None and levels.unique == "none":
            problems.append("has a unique key, and the backend has none")
    return problems


def _key(lease: Lease) -> tuple[str, str, int]:
    return lease.queue, lease.id, lease.token


def _is_same(one: Settlement | None, other: Settlement) -> bool:
    """Whether the second would do what the first did."""
    return one is other or (
        type(one) is type(other)
        and all(getattr(one, name) == getattr(other, name) for name in other.__struct_fields__)
    )
