"""A backend that is simulated, with producers and consumers in virtual time: its histories are
legal, unless it is given a flaw.
"""

from __future__ import annotations

import heapq
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any

from anyjob.conformance.history import History
from anyjob.conformance.history.events import (
    Dead,
    Delivered,
    Drained,
    Enqueue,
    Event,
    Extend,
    FaultStart,
    Fetch,
    Header,
    Kind,
    Phase,
    Sent,
    Settle,
)

EPOCH = 1_767_225_600.0
LEASE = 5.0
POLL = 4.0
MAX_ATTEMPTS, MAX_REDELIVERIES = 3, 3

FLAWS = (
    "loses what lapsed",
    "delivers what nobody sent",
    "changes a body",
    "comes before the delay",
    "completed job comes back",
    "gives a job to two",
    "counts no retry",
    "stale settlement acts",
    "issues a token twice",
    "takes the lowest priority",
    "takes the newest",
    "dead letter without its reason",
    "keys are not looked at",
    "fetch sleeps on",
)


@dataclass(eq=False)
class Job:
    sent: Sent
    attempt: int = 1
    redeliveries: int = 0
    token: int = 0
    until: float = 0.0
    state: str = "ready"
    reason: str | None = None


class Simulated:
    """One run; `history()` is what was recorded."""

    def __init__(
        self, seed: int, *, jobs: int = 40, consumers: int = 3, flaw: str = "", kills: bool = True
    ) -> None:
        self.random = Random(seed)
        self.flaw = flaw
        #: Set when the flaw had an effect.
        self.has_shown = False
        self.events: list[Event] = []
        self.now = 0.0
        self._kills = kills
        self._left = jobs
        self._steps: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0
        self._jobs: dict[str, Job] = {}
        self._ready: dict[int, deque[str]] = defaultdict(deque)
        self._due: list[tuple[float, str]] = []
        self._lapses: list[tuple[float, str, int]] = []
        self._holders: dict[str, str] = {}
        self._dead_processes: set[str] = set()
        self._consumers = consumers
        self._seed = seed
        self._open = 0
        for number in range(2):
            self._later(0.0, partial(self._produce, f"p{number}"))
        for number in range(consumers):
            self._later(0.0, partial(self._consume, f"c{number}", 1))

    def history(self) -> History:
        """Run to the end."""
        while self._steps:
            self.now, _, step = heapq.heappop(self._steps)
            step()
        for job_id, job in self._jobs.items():
            if job.state == "dead":
                self._record_dead(job_id, job)
        self._record(Drained(process="d", mono=self.now + 1.0))
        header = Header(
            seed=self._seed,
            capabilities={"low_share": "none"},
            max_attempts=MAX_ATTEMPTS,
            max_redeliveries=MAX_REDELIVERIES,
            consumers=2 * self._consumers,
        )
        self.events.sort(key=lambda event: event.mono)
        return History(header, self.events)

    # Time

    def _later(self, seconds: float, step: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._steps, (self.now + seconds, self._count, step))

    def _moment(self) -> float:
        return self.random.uniform(0.0005, 0.004)

    def _record(self, event: Event) -> None:
        self.events.append(event)

    # Producers

    def _produce(self, who: str) -> None:
        if self._left <= 0:
            return
        count = min(self._left, self.random.choice([1, 1, 2, 5]))
        self._left -= count
        lot = tuple(self._new(n) for n in range(count))
        self._count += 1
        call = self._count
        self._record(Enqueue(process=who, mono=self.now, phase="invoke", call=call, jobs=lot))
        fails = self.random.random() < 0.03

        def act() -> None:
            receipts = () if fails else tuple(self._store(sent) for sent in lot)
            phase: Phase = self.random.choice(["fail", "info"]) if fails else "ok"
            if not fails and self.random.random() < 0.03:
                phase, receipts = "info", ()

            def answer() -> None:
                self._record(
                    Enqueue(process=who, mono=self.now, phase=phase, call=call, receipts=receipts)
                )
                self._later(self._moment(), lambda: self._produce(who))

            self._later(self._moment(), answer)

        self._later(self._moment(), act)

    def _new(self, number: int) -> Sent:
        self._count += 1
        job_id = f"job {self._count}-{number}"
        return Sent(
            job=job_id,
            queue="q",
            sha256=f"sha of {job_id}",
            priority=self.random.choice([5, 5, 5, 0, 9]),
            delay=self.random.choice([0.0, 0.0, 0.0, 0.5, 2.0]),
            unique=self.random.choice([None, None, None, "k1", "k2"]),
        )

    def _store(self, sent: Sent) -> str:
        if sent.unique is not None:
            holder = self._holders.get(sent.unique)
            if holder is not None and self.flaw != "keys are not looked at":
                return holder
            self.has_shown |= holder is not None
            self._holders[sent.unique] = sent.job
        job = self._jobs[sent.job] = Job(sent)
        self._open += 1
        self._put(job, sent.delay)
        return "accepted"

    # Consumers

    def _consume(self, name: str, incarnation: int) -> None:
        who = f"{name}.{incarnation}"
        if self._left <= 0 and self._open <= 0:
            return
        if who in self._dead_processes:
            self._consume(name, incarnation + 1)
            return
        self._count += 1
        call = self._count
        self._record(
            Fetch(process=who, mono=self.now, phase="invoke", call=call, queues=("q",), credit=3)
        )
        if self._kills and self.random.random() < 0.02:
            self._later(self._moment(), lambda: self._kill(who))

        def again() -> None:
            self._consume(name, incarnation)

        until = self.now + POLL
        self._later(self._moment(), lambda: self._look(who, call, until, again))

    def _look(self, who: str, call: int, until: float, again: Callable[[], None]) -> None:
        """The fetch arrives: it takes what is there, or looks again a little later."""
        if who in self._dead_processes and self.random.random() < 0.5:
            again()
            return
        sleeps = self.flaw == "fetch sleeps on" and self.now < until
        leases = [] if sleeps else self._take(self.random.randint(1, 3))
        over = self._left <= 0 and self._open <= 0
        if leases or over or self.now >= until or who in self._dead_processes:
            self._later(self._moment(), lambda: self._fetched(who, call, leases, again))
        else:
            self._later(0.01, lambda: self._look(who, call, until, again))

    def _fetched(
        self, who: str, call: int, leases: list[Delivered], again: Callable[[], None]
    ) -> None:
        if who in self._dead_processes:
            again()
            return
        for lease in leases:
            self._record(_by(lease, who, self.now, call))
        self._record(Fetch(process=who, mono=self.now, phase="ok", call=call, count=len(leases)))
        for lease in leases:
            self._later(self.random.uniform(0.001, 0.05), partial(self._run, who, lease))
        self._later(0.06, again)

    def _run(self, who: str, lease: Delivered) -> None:
        if who in self._dead_processes:
            return
        chance = self.random.random()
        if chance < 0.1:
            self._extend(who, lease)
        if chance > 0.95:
            # The holder stands still, and settles too late.
            self._later(LEASE * 1.5, lambda: self._settle(who, lease))
        else:
            self._later(self._moment(), lambda: self._settle(who, lease))

    def _extend(self, who: str, lease: Delivered) -> None:
        self._record(
            Extend(
                process=who,
                mono=self.now,
                phase="invoke",
                job=lease.job,
                token=lease.token,
                lease=LEASE,
            )
        )
        job = self._jobs.get(lease.job)
        lost = job is None or job.state != "leased" or job.token != lease.token
        if job is not None and not lost:
            job.until = self.now + LEASE
            heapq.heappush(self._lapses, (job.until, lease.job, job.token))
        self._record(
            Extend(
                process=who,
                mono=self.now,
                phase="fail" if lost else "ok",
                job=lease.job,
                token=lease.token,
            )
        )

    def _settle(self, who: str, lease: Delivered) -> None:
        if who in self._dead_processes:
            return
        kind, fields = self._end(lease)
        self._record(
            Settle(
                process=who,
                mono=self.now,
                phase="invoke",
                job=lease.job,
                token=lease.token,
                kind=kind,
                **fields,
            )
        )

        def act() -> None:
            done = self._apply(lease, kind, fields)
            phase: Phase = "ok" if done else "fail"
            if self.random.random() < 0.02:
                phase = "info"
            self._later(self._moment(), lambda: answer(phase))

        def answer(phase: Phase) -> None:
            if who not in self._dead_processes:
                self._record(
                    Settle(
                        process=who,
                        mono=self.now,
                        phase=phase,
                        job=lease.job,
                        token=lease.token,
                        kind=kind,
                    )
                )

        self._later(self._moment(), act)

    def _end(self, lease: Delivered) -> tuple[Kind, dict[str, Any]]:
        if lease.verdict == "poison":
            return "bury", {"reason": "poison", "ran": False}
        chance = self.random.random()
        if chance < 0.2:
            if lease.attempt >= MAX_ATTEMPTS:
                return "bury", {"reason": "failed"}
            return "retry", {"delay": self.random.choice([0.0, 1.0])}
        if chance < 0.25:
            return "release", {}
        return ("abandon", {}) if chance < 0.27 else ("complete", {})

    def _kill(self, who: str) -> None:
        self._dead_processes.add(who)
        self._record(FaultStart(process="n", mono=self.now, kind="kill", target=who))

    # The backend

    def _put(self, job: Job, delay: float = 0.0, *, head: bool = False) -> None:
        if delay:
            job.state = "scheduled"
            if self.flaw == "comes before the delay":
                self.has_shown = True
                delay /= 2
            heapq.heappush(self._due, (self.now + delay, job.sent.job))
            return
        job.state = "ready"
        line = self._ready[job.sent.priority]
        if head:
            line.appendleft(job.sent.job)
        else:
            line.append(job.sent.job)

    def _take(self, credit: int) -> list[Delivered]:
        while self._due and self._due[0][0] <= self.now:
            _, job_id = heapq.heappop(self._due)
            self._put(self._jobs[job_id])
        while self._lapses and self._lapses[0][0] <= self.now:
            self._lapse(*heapq.heappop(self._lapses)[1:])
        leases: list[Delivered] = []
        for priority in sorted(self._ready, reverse=self.flaw != "takes the lowest priority"):
            line = self._ready[priority]
            while line and len(leases) < credit:
                newest = self.flaw == "takes the newest"
                leases.append(self._lease(self._jobs[line.pop() if newest else line.popleft()]))
        self.has_shown |= bool(leases) and self.flaw.startswith(("takes", "fetch"))
        return leases

    def _lapse(self, job_id: str, token: int) -> None:
        job = self._jobs[job_id]
        if job.state != "leased" or job.token != token or job.until > self.now:
            return
        job.redeliveries += 1
        if self.flaw == "loses what lapsed":
            self.has_shown = True
            job.state = "lost"
            self._open -= 1
            return
        self._put(job, head=True)

    def _lease(self, job: Job) -> Delivered:
        self._count += 1
        sent, job.state, job.until = job.sent, "leased", self.now + LEASE
        again = self.flaw == "issues a token twice" and job.token
        self.has_shown |= bool(again)
        job.token = job.token if again else self._count
        heapq.heappush(self._lapses, (job.until, sent.job, job.token))
        sha256, job_id = sent.sha256, sent.job
        if self.flaw == "changes a body" and self.random.random() < 0.2:
            self.has_shown, sha256 = True, "other"
        if self.flaw == "gives a job to two" and self.random.random() < 0.1:
            self.has_shown = True
            job.redeliveries += 1
            self._put(job)
            job.redeliveries -= 1
        if self.flaw == "delivers what nobody sent" and self.random.random() < 0.05:
            self.has_shown, job_id = True, f"{job_id} of nobody"
        poison = job.redeliveries > MAX_REDELIVERIES
        return Delivered(
            process="",
            mono=self.now,
            at=EPOCH + self.now,
            job=job_id,
            queue=sent.queue,
            token=job.token,
            attempt=job.attempt,
            redeliveries=job.redeliveries,
            sha256=sha256,
            until=EPOCH + job.until,
            call=0,
            priority=sent.priority,
            verdict="poison" if poison else "run",
        )

    def _apply(self, lease: Delivered, kind: Kind, fields: dict[str, Any]) -> bool:
        job = self._jobs.get(lease.job)
        if job is None:
            return False
        if job.state != "leased" or job.token != lease.token:
            if self.flaw != "stale settlement acts" or job.state != "leased":
                return False
            self.has_shown = True
        if kind == "retry":
            counts = self.flaw != "counts no retry"
            self.has_shown |= not counts
            job.attempt += counts
            self._put(job, fields["delay"])
        elif kind == "release":
            self._put(job, head=True)
        elif kind == "abandon":
            job.redeliveries += 1
            self._put(job)
        else:
            self._finish(job, kind, fields)
        return True

    def _finish(self, job: Job, kind: Kind, fields: dict[str, Any]) -> None:
        comes_back = self.flaw == "completed job comes back" and kind == "complete"
        if comes_back and self.random.random() < 0.2:
            self.has_shown = True
            self._put(job)
            return
        job.state, job.reason = ("dead" if kind == "bury" else "done"), fields.get("reason")
        job.attempt += kind == "bury" and fields.get("ran", True)
        self._open -= 1
        if job.sent.unique is not None and self._holders.get(job.sent.unique) == job.sent.job:
            del self._holders[job.sent.unique]

    def _record_dead(self, job_id: str, job: Job) -> None:
        reason = job.reason
        if self.flaw == "dead letter without its reason":
            self.has_shown, reason = True, None
        self._record(
            Dead(
                process="d",
                mono=self.now + 0.5,
                job=job_id,
                queue="q",
                sha256=job.sent.sha256,
                attempts=job.attempt - 1,
                redeliveries=job.redeliveries,
                reason=reason,
                priority=job.sent.priority,
            )
        )


def _by(lease: Delivered, who: str, mono: float, call: int) -> Delivered:
    """A lease as its holder records it."""
    return Delivered(
        process=who,
        mono=mono,
        at=lease.at,
        job=lease.job,
        queue=lease.queue,
        token=lease.token,
        attempt=lease.attempt,
        redeliveries=lease.redeliveries,
        sha256=lease.sha256,
        until=lease.until,
        call=call,
        priority=lease.priority,
        verdict=lease.verdict,
    )
