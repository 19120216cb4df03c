"""The backend and the store at the near end of the line protocol."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any

from anyjob.backends.checks import check_edit, check_shares
from anyjob.backends.desk import Desk
from anyjob.core.backend import (
    Backend,
    CancelResult,
    Consumer,
    Counts,
    JobRecord,
    Page,
    QueueShare,
    QueueSpec,
)
from anyjob.core.clock import Clock
from anyjob.core.envelope import Envelope, Receipt
from anyjob.core.errors import (
    AnyjobError,
    BackendUnavailable,
    EnqueueUncertain,
    InvalidOption,
    Misuse,
    UnsupportedCapability,
)
from anyjob.core.names import checked_name
from anyjob.core.seam import check_envelopes, check_seconds, check_settlements
from anyjob.core.settlement import Answer, Lease, Settled, Settlement
from anyjob.core.state import State
from tests.conformance.wire.connections import CALL_SECONDS, Connections, Unanswered
from tests.conformance.wire.protocol import MAX_PAYLOAD, Hand, Job, Sent, Took, bare


class LineBackend(Backend):
    """Holds jobs on a line-protocol server: `line://host:port`."""

    def __init__(self, url: str, *, namespace: str = "anyjob", clock: Clock | None = None) -> None:
        checked_name(namespace, "a namespace")
        self._wire = Connections(url, namespace, "backend", clock)

    def __repr__(self) -> str:
        return f"LineBackend({self._wire!r})"

    def open(self) -> None:
        was_open = self._wire.is_open
        self._wire.open()
        try:
            if not was_open:
                self.capabilities = self._wire.ask("capabilities", reads=True)
        except BaseException:
            self._wire.close()
            raise

    def close(self) -> None:
        self._wire.close()

    def declare(self, queues: Collection[QueueSpec]) -> None:
        for spec in queues:
            checked_name(spec.name, "a queue's name")
        self._wire.ask("declare", list(queues))

    def enqueue(self, jobs: Sequence[Envelope], *, transaction: Any = None) -> list[Receipt]:
        self._wire.check_open()
        if transaction is not None:
            raise UnsupportedCapability("transaction", "a line-protocol server joins none")
        check_envelopes(
            jobs,
            max_batch=self.capabilities.max_batch,
            max_payload=MAX_PAYLOAD,
            known_queues=(),
        )
        try:
            receipts = self._wire.ask("enqueue", list(map(Job.of, jobs)))
        except Unanswered as error:
            raise EnqueueUncertain(str(error), jobs) from error
        return [each.receipt() for each in receipts]

    def consume(self, queues: Sequence[QueueShare], *, lease: float, worker: str) -> Consumer:
        self._wire.check_open()
        check_shares(queues)
        check_seconds(lease, "a lease", zero=False)
        hand = Hand(secrets.token_hex(8), tuple(queues), lease, worker)
        return LineConsumer(self._wire, hand, self.capabilities.max_batch)

    def maintain(self, budget: float) -> float:
        return float(self._wire.ask("maintain", budget))

    def counts(self, queue: str) -> Counts:
        counts: Counts = self._look("counts", queue)
        return counts

    def pause(self, queue: str) -> None:
        self._wire.ask("pause", queue)

    def resume(self, queue: str) -> None:
        self._wire.ask("resume", queue)

    def paused(self) -> set[str]:
        return set(self._look("paused"))

    def queues(self) -> set[str]:
        return set(self._look("queues"))

    def browse(self, queue: str, state: State, cursor: str | None, limit: int) -> Page:
        page: Page = self._look("browse", queue, state, cursor, limit)
        return page

    def get(self, queue: str, ids: Sequence[str], wait: float = 0.0) -> list[JobRecord | None]:
        found: list[JobRecord | None] = self._wire.ask(
            "get", queue, list(ids), wait, reads=True, seconds=wait + CALL_SECONDS
        )
        return found

    def cancel(self, queue: str, ids: Sequence[str], *, keep: float = 0.0) -> list[CancelResult]:
        check_seconds(keep, "keep")
        results: list[CancelResult] = self._wire.ask("cancel", queue, list(ids), keep)
        return results

    def purge(self, queue: str, states: Collection[State]) -> int:
        return int(self._wire.ask("purge", queue, list(states)))

    def revive(
        self,
        queue: str,
        ids: Sequence[str] | None,
        *,
        edit: Mapping[str, bytes] | None = None,
    ) -> int:
        check_edit(edit or {}, MAX_PAYLOAD)
        return int(self._wire.ask("revive", queue, None if ids is None else list(ids), edit))

    def discard(self, queue: str, ids: Sequence[str] | None) -> int:
        return int(self._wire.ask("discard", queue, None if ids is None else list(ids)))

    def subscribe(self, report: Callable[[str, Mapping[str, Any]], None]) -> None:
        self._wire.report = report

    def _look(self, verb: str, *arguments: Any) -> Any:
        return self._wire.ask(verb, *arguments, reads=True)


class LineConsumer(Consumer):
    """Leases jobs over the wire; what a lost answer brought stays leased until it lapses."""

    def __init__(self, wire: Connections, hand: Hand, max_batch: int) -> None:
        self._wire = wire
        self._hand = hand
        self._limits = {"max_batch": max_batch, "max_payload": MAX_PAYLOAD}
        self._desk = Desk()
        self._fetching = False
        self._stopped = False
        self._closed = False

    def fetch(
        self, credit: int, timeout: float, limits: Mapping[str, int] | None = None
    ) -> list[Lease]:
        self._check_open()
        if credit < 1:
            raise InvalidOption(f"expected credit to be 1 or more, got {credit!r}")
        if self._stopped and not self._desk:
            return []
        if self._stopped:
            self._send(self._ask_to_flush)
            return []
        self._fetching = True
        try:
            return self._send(partial(self._ask_to_fetch, credit, timeout, limits))
        except Misuse:
            # The server ends its half of a close before this end knows of it.
            if self._stopped or not self._wire.is_open:
                return []
            raise
        finally:
            self._fetching = False

    def settle(self, settlements: Sequence[Settlement]) -> None:
        self._check_open()
        check_settlements(settlements, **self._limits)
        self._desk.add(settlements)

    def flush(self, deadline: float) -> list[Settled]:
        self._check_open()
        until = time.monotonic() + deadline
        if self._desk:
            lot = self._desk.take()
            try:
                answers = self._wire.ask(
                    "flush", self._hand, deadline, list(map(Sent.of, lot)), seconds=deadline
                )
                self._desk.answer(lot, list(map(Answer, answers)))
            except AnyjobError:
                # The caller hears of it as unknown, and settles again.
                self._desk.give_up(lot)
        return self._desk.collect(until)

    def extend(self, leases: Sequence[Lease], lease: float) -> list[Lease]:
        self._check_open()
        check_seconds(lease, "a lease", zero=False)
        if not leases:
            return []
        lost = self._wire.ask("extend", self._hand, list(map(bare, leases)), lease)
        return [leases[at] for at in lost]

    def wake(self) -> None:
        self._check_open()
        self._wire.ask("wake", self._hand)

    def stop(self) -> None:
        self._check_open()
        self._stopped = True
        self._end_fetch()

    def close(self, *, release: bool) -> None:
        if self._closed:
            return
        self._stopped = True
        try:
            if self._wire.is_open:
                if release:
                    self._send(self._ask_to_release)
                else:
                    self._end_fetch()
        except (BackendUnavailable, Unanswered):
            # Nobody is there to be told: the leases run out.
            return
        finally:
            self._closed = True

    def _check_open(self) -> None:
        if self._closed:
            raise Misuse("this consumer is closed; open another with consume()")
        self._wire.check_open()

    def _send(self, ask: Callable[[list[Sent]], Took]) -> list[Lease]:
        """Ask with what is buffered, and tell the answers."""
        lot = self._desk.take()
        try:
            took = ask(list(map(Sent.of, lot)))
        except Unanswered:
            self._desk.give_up(lot)
            raise
        except BaseException:
            self._desk.put_back(lot)
            raise
        self._desk.answer(lot, list(map(Answer, took.answers)))
        return took.leases

    def _end_fetch(self) -> None:
        if self._fetching:
            self._wire.ask("wake", self._hand)

    def _ask_to_fetch(
        self, credit: int, timeout: float, limits: Mapping[str, int] | None, sent: list[Sent]
    ) -> Took:
        asked = dict(limits) if limits else None
        seconds = timeout + CALL_SECONDS
        took: Took = self._wire.ask(
            "fetch", self._hand, credit, timeout, asked, sent, seconds=seconds
        )
        return took

    def _ask_to_flush(self, sent: list[Sent]) -> Took:
        return Took(self._wire.ask("flush", self._hand, 5.0, sent), [])

    def _ask_to_release(self, sent: list[Sent]) -> Took:
        return Took(self._wire.ask("release", self._hand, sent), [])
