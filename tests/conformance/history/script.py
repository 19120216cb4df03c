"""Writes a history by hand, a line a tick."""

from __future__ import annotations

from typing import Any

from anyjob.conformance.history import History
from anyjob.conformance.history.events import (
    SERVER,
    Cancel,
    Dead,
    Delivered,
    Drained,
    Enqueue,
    Event,
    Extend,
    Fault,
    FaultStart,
    FaultStop,
    Fetch,
    Header,
    Kind,
    Sent,
    Settle,
    digest,
)

#: What the backend's clock shows when the machine's shows 0.
EPOCH = 1_767_225_600.0
LEASE = 30.0


class Script:
    """A history in the making; `tick` seconds pass with each event."""

    def __init__(self, *, tick: float = 0.05, **header: Any) -> None:
        self.events: list[Event] = []
        self.header: dict[str, Any] = header
        self.capabilities: dict[str, Any] = {}
        self.now = 0.0
        self._tick = tick
        self._calls = 0
        self._tokens = 0

    def wait(self, seconds: float) -> None:
        self.now += seconds

    def sent(self, job: str, **fields: Any) -> Sent:
        fields = {"queue": "q", "sha256": digest(job.encode()), **fields}
        return Sent(job=job, **fields)

    def enqueue(
        self, *jobs: Sent | str, answer: str | None = "ok", receipts: Any = (), who: str = "p"
    ) -> None:
        self._calls += 1
        lot = tuple(self.sent(job) if isinstance(job, str) else job for job in jobs)
        self._add(
            Enqueue(process=who, mono=self._next(), phase="invoke", call=self._calls, jobs=lot)
        )
        if answer is not None:
            told = tuple(receipts) or ("accepted",) * len(lot)
            self._add(
                Enqueue(
                    process=who,
                    mono=self._next(),
                    phase=answer,  # type: ignore[arg-type]
                    call=self._calls,
                    receipts=told if answer == "ok" else (),
                )
            )

    def fetch(self, who: str = "c", *, queue: str = "q") -> int:
        """Begin a fetch."""
        self._calls += 1
        self._add(
            Fetch(
                process=who,
                mono=self._next(),
                phase="invoke",
                call=self._calls,
                queues=(queue,),
                credit=10,
            )
        )
        return self._calls

    def fetched(self, call: int, who: str = "c", *, count: int = 0, phase: str = "ok") -> None:
        """End it."""
        self._add(
            Fetch(process=who, mono=self._next(), phase=phase, call=call, count=count)  # type: ignore[arg-type]
        )

    def lease(
        self,
        job: str,
        attempt: int = 1,
        redeliveries: int = 0,
        *,
        who: str = "c",
        call: int | None = None,
        **fields: Any,
    ) -> int:
        """Fetch a job; returns the token."""
        begun = self.fetch(who) if call is None else call
        self._tokens += 1
        now = self._next()
        fields = {
            "queue": "q",
            "sha256": digest(job.encode()),
            "token": self._tokens,
            "at": EPOCH + now,
            "until": EPOCH + now + LEASE,
            **fields,
        }
        self._add(
            Delivered(
                process=who,
                mono=now,
                job=job,
                attempt=attempt,
                redeliveries=redeliveries,
                call=begun,
                **fields,
            )
        )
        if call is None:
            self.fetched(begun, who, count=1)
        return int(fields["token"])

    def settle(
        self,
        job: str,
        token: int,
        kind: Kind = "complete",
        answer: str | None = "ok",
        *,
        who: str = "c",
        **fields: Any,
    ) -> None:
        settling = Settle(
            process=who,
            mono=self._next(),
            phase="invoke",
            job=job,
            token=token,
            kind=kind,
            **fields,
        )
        self._add(settling)
        if answer is not None:
            self._add(
                Settle(
                    process=who,
                    mono=self._next(),
                    phase=answer,  # type: ignore[arg-type]
                    job=job,
                    token=token,
                    kind=kind,
                )
            )

    def extend(self, job: str, token: int, answer: str = "ok", *, who: str = "c") -> None:
        self._add(
            Extend(
                process=who, mono=self._next(), phase="invoke", job=job, token=token, lease=LEASE
            )
        )
        self._add(
            Extend(process=who, mono=self._next(), phase=answer, job=job, token=token)  # type: ignore[arg-type]
        )

    def cancel(self, job: str, answer: str = "ok") -> None:
        self._add(Cancel(process="p", mono=self._next(), phase="invoke", job=job))
        self._add(Cancel(process="p", mono=self._next(), phase=answer, job=job))  # type: ignore[arg-type]

    def dead(self, job: str, **fields: Any) -> None:
        fields = {
            "queue": "q",
            "sha256": digest(job.encode()),
            "attempts": 1,
            "redeliveries": 0,
            "reason": "broken",
            **fields,
        }
        self._add(Dead(process="d", mono=self._next(), job=job, **fields))

    def kill(self, who: str = "c") -> None:
        self._add(FaultStart(process="n", mono=self._next(), kind="kill", target=who))

    def stood_still(self, seconds: float, who: str = "") -> None:
        kind = "freeze" if who else "stall"
        self._add(FaultStart(process="n", mono=self._next(), kind=kind, target=who))  # type: ignore[arg-type]
        self.wait(seconds)
        self._add(FaultStop(process="n", mono=self._next(), kind=kind, target=who))  # type: ignore[arg-type]

    def paused(self, queue: str) -> None:
        self._add(FaultStart(process="n", mono=self._next(), kind="pause", target=queue))

    def resumed(self, queue: str) -> None:
        self._add(FaultStop(process="n", mono=self._next(), kind="pause", target=queue))

    def strike_server(self, kind: Fault, seconds: float = 0.0) -> None:
        """The server is killed, frozen or cut off, and back after that."""
        self._add(FaultStart(process="n", mono=self._next(), kind=kind, target=SERVER))
        self.wait(seconds)
        self._add(FaultStop(process="n", mono=self._next(), kind=kind, target=SERVER))

    def one_of_each(self) -> None:
        """What every history must hold: each operation, once."""
        self.enqueue("usual")
        token = self.lease("usual")
        self.extend("usual", token)
        self.settle("usual", token)

    def history(self, *, drained: bool = True) -> History:
        """What was written, come to rest."""
        events = list(self.events)
        if drained:
            events.append(Drained(process="d", mono=self.now + 1000.0))
        events.sort(key=lambda event: event.mono)
        return History(Header(capabilities=self.capabilities, **self.header), events)

    def _next(self) -> float:
        self.now += self._tick
        return self.now

    def _add(self, event: Event) -> None:
        self.events.append(event)
