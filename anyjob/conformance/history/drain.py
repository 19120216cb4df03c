"""The end of a run: a new consumer takes what is left, until nothing comes any more."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from anyjob.conformance.history.consume import Hands
from anyjob.conformance.history.crew import ThreadHand
from anyjob.conformance.history.events import (
    Cancelled,
    Dead,
    Drained,
    Event,
    Expired,
    Header,
    digest,
)
from anyjob.conformance.history.index import Index, Job
from anyjob.conformance.history.part import Order, Part
from anyjob.conformance.history.record import merge
from anyjob.conformance.history.rules.presence import lost
from anyjob.conformance.stage import SLACK
from anyjob.core.backend import Backend, Consumer, QueueShare
from anyjob.core.errors import UnsupportedCapability
from anyjob.core.state import State

_PAGE = 500


def drain(order: Order, harness: object, header: Header) -> Header:
    """Take and complete what is left, list the dead letters, and say that all is drained.

    Ends when the backend counts nothing more and no accepted job is missing, or when nothing came
    for as long as anything can take. Returns the header, with what could be listed.
    """
    part = Part(order, harness, ThreadHand())  # type: ignore[arg-type]  # a Harness
    backend = part.backend()
    try:
        facts = order.facts
        consumer = backend.consume(
            [QueueShare(queue) for queue in facts["queues"]], lease=facts["lease"], worker="drain"
        )
        _take_all(part, backend, consumer, header)
        consumer.close(release=True)
        capabilities = backend.capabilities
        lists_dead = not capabilities.lacks("dead") and capabilities.lists(State.DEAD)
        index = _so_far(order, header)
        part.record(*_ended(part.name, backend, index))
        if lists_dead:
            for queue in facts["queues"]:
                part.record(*_dead(part.name, backend, queue))
        part.record(Drained(process=part.name))
    finally:
        backend.close()
        part.close()
    return msgspec.structs.replace(header, lists_dead=lists_dead)


def _take_all(part: Part, backend: Backend, consumer: Consumer, header: Header) -> None:
    hands = Hands(part, backend, consumer)
    levels = backend.capabilities
    facts = part.order.facts
    patience = facts["lease"] + max(facts["delays"]) + SLACK
    patience += levels.redelivery_lag + levels.schedule_lag + levels.visibility_lag
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        backend.maintain(0.05)
        if hands.turn(0.05):
            deadline = time.monotonic() + patience
        elif _is_empty(part, backend) and not _missing(part.order, header):
            return


def _is_empty(part: Part, backend: Backend) -> bool:
    """Whether the backend itself counts nothing that could come; what it cannot count might."""
    counts = [backend.counts(queue) for queue in part.order.facts["queues"]]
    return all((each.ready, each.scheduled, each.leased) == (0, 0, 0) for each in counts)


def _missing(order: Order, header: Header) -> bool:
    """Whether a job that was accepted has not ended; whatever the backend counts."""
    return any(True for _ in lost(_so_far(order, header)))


def _so_far(order: Order, header: Header) -> Index:
    # Whether a burial acted is not known before the dead letters are listed.
    header = msgspec.structs.replace(header, lists_dead=False)
    return Index(merge(header, sorted(Path(order.history).glob("*.jsonl"))))


def _dead(who: str, backend: Backend, queue: str) -> Iterator[Event]:
    cursor: str | None = None
    while True:
        page = backend.browse(queue, State.DEAD, cursor, _PAGE)
        for record in page.records:
            yield Dead(
                process=who,
                job=record.id,
                queue=record.queue,
                sha256=digest(record.body or b""),
                attempts=record.attempts,
                redeliveries=record.redeliveries,
                reason=record.reason,
                priority=record.priority,
            )
        cursor = page.cursor
        if cursor is None:
            return


def _ended(who: str, backend: Backend, index: Index) -> Iterator[Event]:
    """Jobs that the backend shows as ended without a run."""
    unrun: dict[str, list[Job]] = {}
    for job in index.jobs.values():
        if job.sent is not None and not job.deliveries:
            unrun.setdefault(job.sent.queue, []).append(job)
    for queue, jobs in unrun.items():
        for at in range(0, len(jobs), _PAGE):
            lot = jobs[at : at + _PAGE]
            try:
                records = backend.get(queue, [job.id for job in lot])
            except UnsupportedCapability:
                return  # it shows none that ended
            for job, record in zip(lot, records, strict=True):
                if record is not None and record.state is State.CANCELLED:
                    yield Cancelled(process=who, job=job.id)
                elif record is not None and record.state is State.EXPIRED:
                    yield Expired(process=who, job=job.id)
