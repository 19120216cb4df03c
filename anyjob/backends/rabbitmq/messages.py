"""A job as a message: the envelope's body untouched, everything else in properties.

The record that changes (attempts, redeliveries, note) travels in headers, and each move of a job
publishes them anew. So what the broker itself adds, such as `x-death`, never travels on: a message
that comes with it to a queue twice is dropped by the broker without a word.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from pika import BasicProperties

from anyjob.backends.rabbitmq.names import JOB_ID
from anyjob.core.backend import JobRecord
from anyjob.core.envelope import DEFAULT_PRIORITY, PRIORITIES, Envelope
from anyjob.core.errors import PayloadTooLarge
from anyjob.core.state import State

#: Marks a message as a job of ours, whatever else it says.
TYPE = "anyjob.1"
#: All headers have to fit into one frame, whose usual size is 128 KiB.
MAX_REASON = 64 * 1024

_PRIORITY, _ATTEMPTS, _REDELIVERIES, _NOTE = "priority", "attempts", "redeliveries", "note"
_REASON, _ENDED = "reason", "ended"
_COUNTED = "x-delivery-count"


class Record(msgspec.Struct, frozen=True):
    """What changes of a job, and its priority."""

    priority: int = DEFAULT_PRIORITY
    attempts: int = 0
    redeliveries: int = 0
    note: bytes = b""


class Message(msgspec.Struct, frozen=True):
    """A job on its way to a queue of the broker."""

    exchange: str
    key: str
    body: bytes
    properties: BasicProperties


class Received(msgspec.Struct, frozen=True):
    """A message as a job: `is_job` False for one that is not ours."""

    id: str
    record: Record
    body: bytes
    is_job: bool


#: Nearly every job is enqueued so, and making its headers anew takes a tenth of sending it.
_FRESH = [{_PRIORITY: priority} for priority in range(PRIORITIES)]


def fresh(job: Envelope) -> BasicProperties:
    """The properties of a job that is enqueued."""
    return BasicProperties(
        message_id=job.id, type=TYPE, delivery_mode=2, headers=_FRESH[job.priority]
    )


def moved(
    job_id: str, record: Record, *, reason: str | None = None, ended: float | None = None
) -> BasicProperties:
    """The properties of a job that is published again, dead if there is a reason."""
    headers: dict[str, Any] = {_PRIORITY: record.priority}
    if record.attempts:
        headers[_ATTEMPTS] = record.attempts
    if record.redeliveries:
        headers[_REDELIVERIES] = record.redeliveries
    if record.note:
        headers[_NOTE] = record.note
    if reason is not None:
        headers[_REASON] = reason
        headers[_ENDED] = round((ended or 0.0) * 1000)
    return BasicProperties(message_id=job_id, type=TYPE, delivery_mode=2, headers=headers)


def received(properties: BasicProperties, body: bytes) -> Received:
    """What a delivered message is."""
    headers = properties.headers or {}
    counted = _number(headers, _COUNTED)
    job_id = properties.message_id
    if properties.type != TYPE or not isinstance(job_id, str) or not JOB_ID.fullmatch(job_id):
        return Received(_id_of(body, job_id), Record(redeliveries=counted), body, is_job=False)
    priority = _number(headers, _PRIORITY)
    record = Record(
        priority=priority if priority < PRIORITIES else DEFAULT_PRIORITY,
        attempts=_number(headers, _ATTEMPTS),
        redeliveries=_number(headers, _REDELIVERIES) + counted,
        note=_bytes(headers.get(_NOTE, b"")),
    )
    return Received(job_id, record, body, is_job=True)


def dead_record(queue: str, properties: BasicProperties, body: bytes) -> JobRecord:
    """A message of the dead queue as people see it."""
    headers = properties.headers or {}
    found = received(properties, body)
    reason, ended = headers.get(_REASON), headers.get(_ENDED)
    redeliveries = found.record.redeliveries
    if not isinstance(reason, str):
        # It was not buried by us: the broker's own limit of deliveries sent it here.
        reason, ended = "poison", _died(headers)
    else:
        # What was counted since is how often people looked.
        redeliveries -= _number(headers, _COUNTED)
    return JobRecord(
        id=found.id,
        queue=queue,
        state=State.DEAD,
        priority=found.record.priority,
        attempts=found.record.attempts,
        redeliveries=redeliveries,
        body=body,
        note=found.record.note,
        reason=reason,
        ended=ended / 1000 if isinstance(ended, int) else None,
    )


def check_reason(reason: str) -> None:
    """Raise PayloadTooLarge for a reason that no header can carry."""
    if len(reason.encode("utf-8", "surrogatepass")) > MAX_REASON:
        raise PayloadTooLarge(
            f"expected the reason of a burial to have at most {MAX_REASON} bytes;"
            " put what is longer into the note"
        )


def _died(headers: Mapping[str, Any]) -> int | None:
    deaths = headers.get("x-death")
    if not isinstance(deaths, list) or not deaths or not isinstance(deaths[0], dict):
        return None
    at = deaths[0].get("time")
    return int(at.timestamp() * 1000) if isinstance(at, datetime) else None


def _number(headers: Mapping[str, Any], name: str) -> int:
    value = headers.get(name, 0)
    # What pika reads is a kind of int of its own, which slows down and shows as "1L".
    return int(value) if isinstance(value, int) and value >= 0 else 0


def _bytes(value: object) -> bytes:
    # pika reads what happens to be UTF-8 as text; written as UTF-8 it is the same bytes.
    if isinstance(value, str):
        return value.encode()
    return value if isinstance(value, bytes) else b""


def _id_of(body: bytes, job_id: object) -> str:
    """An id for a message that is no job of ours, the same at each of its deliveries."""
    if isinstance(job_id, str) and JOB_ID.fullmatch(job_id):
        return job_id
    from hashlib import blake2b

    return str(UUID(bytes=blake2b(body, digest_size=16).digest(), version=4))


def foreign() -> BasicProperties:
    """The properties of a message that is no job of ours and goes back to its queue."""
    return BasicProperties(delivery_mode=2)
