"""A history by jobs: what the rules look at.

Built in one pass. Where the history does not tell when something happened inside the backend, the
index keeps what is sure: a call has its effect between its invocation and its answer.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from math import inf

from anyjob.conformance.history.events import (
    SERVER,
    Cancel,
    Cancelled,
    Dead,
    Delivered,
    Drained,
    Enqueue,
    Event,
    Expired,
    Extend,
    FaultStart,
    FaultStop,
    Fetch,
    Header,
    Maintain,
    Phase,
    Sent,
    Settle,
)
from anyjob.conformance.history.levels import Levels, levels_of
from anyjob.conformance.history.record import History

#: Ends after which a job is never delivered again.
TERMINAL = frozenset({"complete", "bury", "end"})
#: What the clocks of a machine may differ by in a lease's time.
TOLERANCE = 0.02


@dataclass(slots=True, eq=False)
class Call:
    """A call from its invocation to its answer; `end` is infinite where none came."""

    process: str
    number: int
    begin: float
    end: float = inf
    answer: Phase | None = None
    count: int = 0
    queues: tuple[str, ...] = ()
    credit: int = 0


@dataclass(slots=True, eq=False)
class Sending:
    """A job in one call of enqueue, or as the child of a settlement."""

    sent: Sent
    begin: float
    call: Call | None
    #: When it was surely accepted; infinite if never.
    accepted: float = inf
    #: accepted, duplicate, refused (surely not stored) or doubt.
    fate: str = "doubt"
    #: The job that a duplicate's receipt names.
    holder: str = ""
    #: Whose settlement brought it.
    parent: Settling | None = None


@dataclass(slots=True, eq=False)
class Settling:
    """A settlement as it was sent, and its answer."""

    event: Settle
    answer: Phase | None = None
    answered: float = inf

    @property
    def begin(self) -> float:
        return self.event.mono

    @property
    def may_have_acted(self) -> bool:
        return self.answer != "fail"


@dataclass(slots=True, eq=False)
class Delivery:
    """A lease and what was done with it."""

    event: Delivered
    fetch: Call | None
    #: When the lease ends at the earliest, by the backend's clock.
    until: float
    settlings: list[Settling] = field(default_factory=list)

    @property
    def at(self) -> float:
        return self.event.at or 0.0

    @property
    def begin(self) -> float:
        """Before this, by the machine's clock, the lease was not given."""
        return self.event.mono if self.fetch is None else self.fetch.begin

    @property
    def done(self) -> Settling | None:
        """The settlement that surely acted."""
        return next((each for each in self.settlings if each.answer == "ok"), None)

    @property
    def doubtful(self) -> list[Settling]:
        """Those that may have acted."""
        return [each for each in self.settlings if each.answer in (None, "info")]

    def was_given_up(self, before: float) -> Settling | None:
        """The settlement, sent before then, that ended it or may have."""
        acted = (each for each in self.settlings if each.may_have_acted and each.begin < before)
        return next(acted, None)


@dataclass(slots=True, eq=False)
class Job:
    """Everything that happened to one job."""

    id: str
    sendings: list[Sending] = field(default_factory=list)
    #: In the order in which their leases were given.
    deliveries: list[Delivery] = field(default_factory=list)
    #: Those of them that nothing explains, where the backend may give a job twice.
    doubles: list[Delivery] = field(default_factory=list)
    cancels: list[tuple[Cancel, Phase | None, float]] = field(default_factory=list)
    dead: list[Dead] = field(default_factory=list)
    #: "expired" or "cancelled", where the backend showed it so.
    shown: str = ""

    @property
    def sent(self) -> Sent | None:
        return self.sendings[0].sent if self.sendings else None

    @property
    def accepted(self) -> float:
        """When it was surely stored; infinite if that is not sure."""
        return min((each.accepted for each in self.sendings), default=inf)

    @property
    def chain(self) -> list[Delivery]:
        """The deliveries without the doubles."""
        if not self.doubles:
            return self.deliveries
        return [each for each in self.deliveries if each not in self.doubles]

    @property
    def pairs(self) -> Iterator[tuple[Delivery, Delivery]]:
        """Deliveries of which the second has to follow from the first: no double is among them, nor
        between them.
        """
        if not self.doubles:
            return pairwise(self.deliveries)
        return (
            pair
            for pair in pairwise(self.deliveries)
            if not any(each in self.doubles for each in pair)
        )

    @property
    def settlings(self) -> Iterator[Settling]:
        return (settling for each in self.deliveries for settling in each.settlings)


class Index:
    """A history by jobs, calls and faults."""

    def __init__(self, history: History) -> None:
        self.header: Header = history.header
        self.levels: Levels = levels_of(history.header)
        self.jobs: dict[str, Job] = {}
        self.fetches: list[Call] = []
        self.enqueues: list[Call] = []
        self.maintains: list[Call] = []
        #: When each killed process was, or its connection was cut.
        self.struck: dict[str, float] = {}
        #: When everybody's connection was, with the server or by itself.
        self.severed: list[float] = []
        #: Of the whole machine, and of a process.
        self.stalls: dict[str, list[tuple[float, float]]] = defaultdict(list)
        self.faults: Counter[str] = Counter()
        #: How often each operation did what was asked.
        self.succeeded: Counter[str] = Counter()
        self.is_drained = False
        self._read(history)
        self._hidden()

    def hidden(self, since: float, until: float) -> int:
        """How many fetches may have taken a job in that time without anybody having heard."""
        begun = bisect_right(self._doubt_begins, until)
        return begun - bisect_left(self._doubt_ends, since)

    def strikes(self, since: float, until: float) -> int:
        """How often a process was killed or cut off in that time, of which the backend may hear a
        little later.
        """
        struck = (*self.struck.values(), *self.severed)
        return sum(since - self.header.slack <= at <= until for at in struck)

    def stood_still(self, process: str, since: float, until: float) -> bool:
        """Whether the process or the whole machine did in that time."""
        return any(
            begin < until and end > since
            for who in (process, "")
            for begin, end in self.stalls[who]
        )

    # Building

    def _read(self, history: History) -> None:
        reader = _Reader(self)
        for event in history.events:
            reader.read(event)
        for job in self.jobs.values():
            job.deliveries.sort(key=lambda each: (each.at, each.event.mono))

    def _hidden(self) -> None:
        """Fetches without an answer: their process was killed in them, or nobody knows."""
        doubtful = [call for call in self.fetches if call.answer in (None, "info")]
        self._doubt_begins = sorted(call.begin for call in doubtful)
        # What was on its way when its sender died may arrive a little later.
        slack = self.header.slack
        self._doubt_ends = sorted(
            slack + min(call.end, self.struck.get(call.process, inf)) for call in doubtful
        )

    def job(self, job_id: str) -> Job:
        job = self.jobs.get(job_id)
        if job is None:
            job = self.jobs[job_id] = Job(job_id)
        return job


class _Reader:
    """Puts each event where it belongs."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._enqueues: dict[tuple[str, int], tuple[Call, list[Sending]]] = {}
        self._fetches: dict[tuple[str, int], Call] = {}
        self._by_lease: dict[tuple[str, int], Delivery] = {}
        self._settlings: dict[tuple[str, int, str], list[Settling]] = defaultdict(list)
        self._extends: dict[tuple[str, int], Extend] = {}
        self._children: dict[int, list[Sending]] = {}
        self._cancels: dict[tuple[str, str], int] = {}
        self._maintains: dict[str, Call] = {}
        self._freezes: dict[tuple[str, str], float] = {}
        self._steps = {
            Enqueue: self._enqueue,
            Fetch: self._fetch,
            Delivered: self._delivered,
            Settle: self._settle,
            Extend: self._extend,
            Cancel: self._cancel,
            Maintain: self._maintain,
            Dead: self._dead,
            FaultStart: self._fault_start,
            FaultStop: self._fault_stop,
            Cancelled: self._shown,
            Expired: self._shown,
            Drained: self._drained,
        }

    def read(self, event: Event) -> None:
        step = self._steps.get(type(event))
        if step is not None:
            step(event)  # type: ignore[operator]  # by its type

    def _enqueue(self, event: Enqueue) -> None:
        key = event.process, event.call
        if event.phase == "invoke":
            call = Call(event.process, event.call, event.mono, count=len(event.jobs))
            self._index.enqueues.append(call)
            self._enqueues[key] = call, [self._send(sent, event.mono, call) for sent in event.jobs]
            return
        call, sendings = self._enqueues.pop(key)
        call.end, call.answer = event.mono, event.phase
        if event.phase == "fail":
            for sending in sendings:
                sending.fate = "refused"
        if event.phase == "ok":
            self._index.succeeded["enqueue"] += 1
            for sending, receipt in zip(sendings, event.receipts, strict=True):
                self._receive(sending, receipt, event.mono)

    def _send(self, sent: Sent, begin: float, call: Call | None) -> Sending:
        sending = Sending(sent, begin, call)
        self._index.job(sent.job).sendings.append(sending)
        return sending

    def _receive(self, sending: Sending, receipt: str, at: float) -> None:
        if receipt == "accepted":
            sending.fate, sending.accepted = "accepted", at
        elif receipt == "rejected":
            sending.fate = "refused"
        else:
            sending.fate, sending.holder = "duplicate", receipt

    def _fetch(self, event: Fetch) -> None:
        key = event.process, event.call
        if event.phase == "invoke":
            call = Call(event.process, event.call, event.mono, queues=event.queues)
            call.credit = event.credit
            self._fetches[key] = call
            self._index.fetches.append(call)
            return
        call = self._fetches[key]
        call.end, call.answer, call.count = event.mono, event.phase, event.count
        if event.phase == "ok" and event.count:
            self._index.succeeded["fetch"] += 1

    def _delivered(self, event: Delivered) -> None:
        fetch = self._fetches.get((event.process, event.call))
        delivery = Delivery(event, fetch, event.until)
        self._by_lease[event.job, event.token] = delivery
        self._index.job(event.job).deliveries.append(delivery)

    def _settle(self, event: Settle) -> None:
        key = event.job, event.token, event.kind
        if event.phase == "invoke":
            self._begin_settling(event, self._settlings[key])
            return
        # One that was unknown may have been sent again: the answer is that of the later one.
        settling = next((each for each in self._settlings[key] if each.answer is None), None)
        if settling is None:
            return
        settling.answer, settling.answered = event.phase, event.mono
        if event.phase == "ok":
            self._index.succeeded["settle"] += 1
        for sending in self._children.get(id(settling), ()):
            if event.phase == "ok":
                sending.fate, sending.accepted = "accepted", event.mono
            elif event.phase == "fail" and self._index.levels.atomic_children:
                sending.fate = "refused"

    def _begin_settling(self, event: Settle, others: list[Settling]) -> None:
        settling = Settling(event)
        others.append(settling)
        delivery = self._by_lease.get((event.job, event.token))
        if delivery is not None:
            delivery.settlings.append(settling)
        for child in event.children:
            sending = self._send(child, event.mono, None)
            sending.parent = settling
            self._children.setdefault(id(settling), []).append(sending)

    def _extend(self, event: Extend) -> None:
        key = event.job, event.token
        if event.phase == "invoke":
            self._extends[key] = event
            # Until its answer is there it may have acted or not.
            self._prolong(event, sure=False)
            return
        asked = self._extends.get(key)
        if event.phase == "ok" and asked is not None:
            self._index.succeeded["extend"] += 1
            self._prolong(asked, sure=True)

    def _prolong(self, asked: Extend, *, sure: bool) -> None:
        """The lease lasts so long from the extension on, which came no sooner than it was asked."""
        delivery = self._by_lease.get((asked.job, asked.token))
        if delivery is not None:
            passed = max(0.0, asked.mono - delivery.event.mono)
            until = delivery.at + passed + asked.lease
            delivery.until = until if sure else min(delivery.until, until)

    def _cancel(self, event: Cancel) -> None:
        job = self._index.job(event.job)
        key = event.process, event.job
        if event.phase == "invoke":
            self._cancels[key] = len(job.cancels)
            job.cancels.append((event, None, inf))
        elif key in self._cancels:
            at = self._cancels[key]
            job.cancels[at] = (job.cancels[at][0], event.phase, event.mono)

    def _maintain(self, event: Maintain) -> None:
        if event.phase == "invoke":
            call = self._maintains[event.process] = Call(event.process, 0, event.mono)
            self._index.maintains.append(call)
            return
        call = self._maintains[event.process]
        call.end, call.answer = event.mono, event.phase

    def _dead(self, event: Dead) -> None:
        self._index.job(event.job).dead.append(event)

    def _shown(self, event: Cancelled | Expired) -> None:
        self._index.job(event.job).shown = type(event).__name__.lower()

    def _fault_start(self, event: FaultStart) -> None:
        is_server = event.target == SERVER
        self._index.faults[f"server {event.kind}" if is_server else event.kind] += 1
        if event.kind in ("kill", "cut"):
            if is_server:
                self._index.severed.append(event.mono)
            else:
                self._index.struck.setdefault(event.target, event.mono)
        self._freezes[event.kind, event.target] = event.mono

    def _fault_stop(self, event: FaultStop) -> None:
        begin = self._freezes.get((event.kind, event.target), event.mono)
        if event.target == SERVER:
            # Nobody got an answer then, as if the machine stood still.
            self._index.stalls[""].append((begin, event.mono))
        elif event.kind in ("freeze", "stall", "pause"):
            who = f"queue {event.target}" if event.kind == "pause" else event.target
            self._index.stalls[who].append((begin, event.mono))

    def _drained(self, event: Drained) -> None:
        self._index.is_drained = True
