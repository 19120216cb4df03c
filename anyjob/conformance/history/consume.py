"""A part that fetches, runs and settles, and maintains beside that."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from random import Random

from anyjob.conformance.history.events import (
    Delivered,
    Extend,
    Fetch,
    Kind,
    Maintain,
    Phase,
    Sent,
    Settle,
    digest,
    sent,
)
from anyjob.conformance.history.part import Killed, Part
from anyjob.conformance.history.work import body, job_id, settlement_for, work_of
from anyjob.core.backend import Backend, Consumer, QueueShare
from anyjob.core.envelope import Envelope
from anyjob.core.errors import BackendError
from anyjob.core.settlement import Answer, Bury, Complete, Lease, Release, Settled, Settlement

_PHASES: dict[Answer, Phase] = {
    Answer.DONE: "ok",
    Answer.LEASE_LOST: "fail",
    Answer.UNKNOWN: "info",
}
#: So long one waits after a refusal, and between two rounds of maintenance at most.
_AGAIN = 0.05
_FLUSH = 5.0


def consume(part: Part) -> None:
    """Work until it is told to finish; what is left then is released."""
    backend = part.backend()
    over = threading.Event()
    house = threading.Thread(target=_maintain, args=(part, backend, over), daemon=True)
    house.start()
    try:
        _work(part, backend)
    finally:
        over.set()
        house.join(_FLUSH)
        backend.close()


def _work(part: Part, backend: Backend) -> None:
    facts = part.order.facts
    consumer = backend.consume(
        [QueueShare(queue) for queue in facts["queues"]], lease=facts["lease"], worker=part.name
    )
    part.hand.on_stop(consumer.wake)
    hands = Hands(part, backend, consumer)
    try:
        while not part.hand.is_stopping:
            hands.turn(facts["timeout"])
        hands.give_back()
    except Killed:
        consumer.close(release=False)
        raise


class Hands:
    """A consumer whose every step is recorded; also what drains in the end."""

    def __init__(self, part: Part, backend: Backend, consumer: Consumer) -> None:
        self._part = part
        self._levels = backend.capabilities
        self._consumer = consumer
        self._facts = part.order.facts
        self._random = Random(f"{part.order.seed} {part.name}")
        self._held: dict[Lease, None] = {}
        #: What a local fence refused: the backend itself may never have heard of it.
        self._refused: list[Lease] = []
        self._call = 0
        self._has_extended = False

    def turn(self, timeout: float) -> list[Lease]:
        """Fetch, run and settle once; returns what was fetched."""
        leases = self.fetch(timeout)
        for lease in leases:
            self._part.hand.point()
            if lease in self._held:
                self._run(lease)
        self._part.hand.point()
        self.flush()
        return leases

    def fetch(self, timeout: float) -> list[Lease]:
        """Fetch, and record each delivery before anything is run."""
        self._call += 1
        who, call, credit = self._part.name, self._call, self._facts["credit"]
        queues = tuple(self._facts["queues"])
        self._part.record(
            Fetch(process=who, phase="invoke", call=call, queues=queues, credit=credit)
        )
        try:
            leases = self._consumer.fetch(credit, timeout)
        except BackendError:
            # It may have leased jobs, and the answer that names them be lost.
            self._part.record(Fetch(process=who, phase="info", call=call))
            self._part.hand.wait(_AGAIN)
            return []
        # Killed here, nobody knows what it had fetched.
        self._part.hand.point()
        at = time.monotonic()
        self._part.record(
            *(self._delivered(lease, call, at) for lease in leases),
            Fetch(process=who, mono=at, phase="ok", call=call, count=len(leases)),
        )
        self._held.update(dict.fromkeys(leases))
        return leases

    def settle(self, *settlements: Settlement) -> None:
        """Buffer settlements."""
        self._part.record(*(self._settling(each) for each in settlements))
        for each in settlements:
            self._held.pop(each.lease, None)
        self._consumer.settle(settlements)

    def flush(self) -> None:
        """Record the answers of all that was settled; what is unknown is settled once more."""
        unknown = self._flushed()
        if unknown:
            self.settle(*unknown)
            self._flushed()

    def _flushed(self) -> list[Settlement]:
        """Record what a flush answered; returns what it could not tell of."""
        try:
            settled = self._consumer.flush(_FLUSH)
        except BackendError:
            return []
        self._answered(settled)
        return [each.settlement for each in settled if each.answer is Answer.UNKNOWN]

    def give_back(self) -> None:
        """End as a worker that stops does: what was not settled is released."""
        releases = [Release(lease=lease) for lease in (*self._held, *self._refused)]
        self._part.record(*(self._settling(each) for each in releases))
        self._consumer.close(release=True)

    # One job

    def _run(self, lease: Lease) -> None:
        work = work_of(lease)
        if not self._has_extended or self._random.random() < 0.05:
            self._extend([lease])
        if self._is_poison(lease):
            if self._levels.dead == "none":
                self.settle(Complete(lease=lease))
            else:
                self.settle(Bury(lease=lease, reason="poison", ran=False))
            return
        if self._facts["drains"]:
            self.settle(Complete(lease=lease))
            return
        if work == "poison":
            self._part.die()
        if work == "long":
            self._keep(4)
        if work == "stalls" and lease.redeliveries == 0:
            self._part.hand.wait(3 * self._facts["lease"])
        self._end(lease, work)

    def _end(self, lease: Lease, work: str) -> None:
        if work == "parent":
            child = Envelope(
                id=job_id(self._random), queue=lease.queue, body=body("done", self._random)
            )
            self.settle(Complete(lease=lease, then=(child,)))
            return
        settlement = settlement_for(
            lease,
            work,
            self._random,
            max_attempts=self._facts["max_attempts"],
            can_bury=self._levels.dead != "none",
            can_delay=self._levels.delay != "none",
        )
        self.settle(settlement)
        if work == "twice":
            self.settle(Complete(lease=lease))

    def _keep(self, times: int) -> None:
        """Go on for longer than a lease, and keep everything that is held."""
        for _ in range(times):
            self._part.hand.wait(self._facts["lease"] / 3)
            self._part.hand.point()
            self._extend(list(self._held))

    def _extend(self, leases: Sequence[Lease]) -> None:
        who, length = self._part.name, self._facts["lease"]
        self._has_extended = True

        def told(lease: Lease, phase: Phase) -> Extend:
            return Extend(process=who, phase=phase, job=lease.id, token=lease.token, lease=length)

        self._part.record(*(told(lease, "invoke") for lease in leases))
        try:
            lost = set(self._consumer.extend(leases, length))
        except BackendError:
            self._part.record(*(told(lease, "info") for lease in leases))
            return
        self._part.record(*(told(lease, "fail" if lease in lost else "ok") for lease in leases))

    # Recording

    def _is_poison(self, lease: Lease) -> bool:
        return bool(lease.redeliveries > self._facts["max_redeliveries"])

    def _delivered(self, lease: Lease, call: int, mono: float) -> Delivered:
        return Delivered(
            process=self._part.name,
            mono=mono,
            at=lease.now,
            job=lease.id,
            queue=lease.queue,
            token=lease.token,
            attempt=lease.attempt,
            redeliveries=lease.redeliveries,
            sha256=digest(lease.body),
            until=lease.until,
            call=call,
            priority=lease.priority,
            verdict="poison" if self._is_poison(lease) else "run",
        )

    def _settling(self, settlement: Settlement) -> Settle:
        children: tuple[Sent, ...] = tuple(map(sent, settlement.then))
        return Settle(
            process=self._part.name,
            phase="invoke",
            job=settlement.lease.id,
            token=settlement.lease.token,
            kind=kind_of(settlement),
            delay=getattr(settlement, "delay", 0.0),
            reason=getattr(settlement, "reason", None),
            ran=getattr(settlement, "ran", True),
            children=children,
        )

    def _answered(self, settled: Sequence[Settled]) -> None:
        if self._levels.fencing == "local":
            lost = (each for each in settled if each.answer is Answer.LEASE_LOST)
            self._refused += [each.settlement.lease for each in lost]
        self._part.record(
            *(
                Settle(
                    process=self._part.name,
                    phase=_PHASES[each.answer],
                    job=each.settlement.lease.id,
                    token=each.settlement.lease.token,
                    kind=kind_of(each.settlement),
                )
                for each in settled
            )
        )


def kind_of(settlement: Settlement) -> Kind:
    """Its name in a history."""
    return type(settlement).__name__.lower()  # type: ignore[return-value]  # one of the six


def _maintain(part: Part, backend: Backend, over: threading.Event) -> None:
    """What a worker's house does: maintain, for as long as the part lives."""
    who = f"{part.name}/house"
    pause = 0.0
    try:
        while not over.wait(min(max(pause, 0.005), _AGAIN)):
            part.hand.point()
            part.record(Maintain(process=who, phase="invoke"))
            try:
                pause = backend.maintain(0.05)
            except BackendError:
                pause = _AGAIN
                continue
            part.record(Maintain(process=who, phase="ok"))
    except Killed:
        return
