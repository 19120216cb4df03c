"""A job as a message: the envelope's body untouched, everything else in headers.

Headers are text and small numbers, because most transports write a message as JSON.
"""

from __future__ import annotations

import base64
import binascii
from hashlib import blake2b
from typing import Any
from uuid import UUID

import msgspec

from anyjob.backends.kombu.names import JOB_ID
from anyjob.core.backend import JobRecord
from anyjob.core.envelope import DEFAULT_PRIORITY, PRIORITIES, Envelope
from anyjob.core.errors import PayloadTooLarge
from anyjob.core.state import State

#: All headers have to fit into one frame of AMQP, whose usual size is 128 KiB.
MAX_REASON = 64 * 1024
_VERSION, _ID, _PRIORITY = "anyjob", "id", "priority"
_ATTEMPTS, _REDELIVERIES, _NOTE = "attempts", "redeliveries", "note"
_REASON, _DIED = "reason", "died"


class Record(msgspec.Struct, frozen=True):
    """What a message says of its job."""

    id: str
    body: bytes
    priority: int = DEFAULT_PRIORITY
    attempts: int = 0
    redeliveries: int = 0
    note: bytes = b""
    #: When it was buried, in seconds since the epoch, and why.
    died: float | None = None
    reason: str | None = None
    #: Whether it is one of ours at all.
    is_ours: bool = True

    def __repr__(self) -> str:
        # No payload in a log line or a traceback.
        return f"<Record of {self.id}>"


def record_of(job: Envelope) -> Record:
    return Record(id=job.id, body=job.body, priority=job.priority)


def headers_of(record: Record) -> dict[str, Any]:
    """What stands beside the body; nothing for a message of somebody else's that is not dead."""
    if not record.is_ours and record.died is None:
        return {}
    headers: dict[str, Any] = {_PRIORITY: record.priority}
    if record.is_ours:
        headers |= {_VERSION: 1, _ID: record.id}
    if record.attempts:
        headers[_ATTEMPTS] = record.attempts
    if record.redeliveries:
        headers[_REDELIVERIES] = record.redeliveries
    if record.note:
        headers[_NOTE] = base64.b64encode(record.note).decode()
    if record.died is not None:
        headers[_DIED] = round(record.died * 1000)
        reason = (record.reason or "").encode("utf-8", "surrogatepass")
        headers[_REASON] = base64.b64encode(reason).decode()
    return headers


def read(headers: Any, body: object) -> Record:
    """What a received message says; one of somebody else's has its bytes and no more."""
    content = _content(body)
    if not isinstance(headers, dict):
        headers = {}
    job_id = headers.get(_ID)
    is_ours = (
        headers.get(_VERSION) == 1
        and isinstance(job_id, str)
        and JOB_ID.fullmatch(job_id) is not None
    )
    reason = _bytes(headers.get(_REASON))
    priority = _number(headers, _PRIORITY, DEFAULT_PRIORITY)
    return Record(
        id=str(job_id) if is_ours else _id_of(content),
        body=content,
        priority=priority if priority < PRIORITIES else DEFAULT_PRIORITY,
        attempts=_number(headers, _ATTEMPTS),
        redeliveries=_number(headers, _REDELIVERIES),
        note=_bytes(headers.get(_NOTE)) or b"",
        died=_number(headers, _DIED) / 1000 if reason is not None else None,
        reason=None if reason is None else reason.decode("utf-8", "surrogatepass"),
        is_ours=is_ours,
    )


def shown(queue: str, record: Record) -> JobRecord:
    """A dead letter as people see it."""
    return JobRecord(
        id=record.id,
        queue=queue,
        state=State.DEAD,
        priority=record.priority,
        attempts=record.attempts,
        redeliveries=record.redeliveries,
        body=record.body,
        note=record.note,
        # It was not buried by us: the broker's own limit of deliveries sent it here.
        reason="poison" if record.died is None else record.reason,
        ended=record.died,
    )


def check_reason(reason: str) -> None:
    """Raise PayloadTooLarge for a reason that no header can carry."""
    if len(reason.encode("utf-8", "surrogatepass")) > MAX_REASON:
        raise PayloadTooLarge(
            f"expected the reason of a burial to have at most {MAX_REASON} bytes;"
            " put what is longer into the note"
        )


def _content(body: object) -> bytes:
    if isinstance(body, str):
        # A virtual transport leaves an empty body as it is, and somebody else's may be text.
        return body.encode("utf-8", "surrogatepass")
    return bytes(body) if isinstance(body, bytes | bytearray | memoryview) else b""


def _number(headers: dict[str, Any], name: str, usual: int = 0) -> int:
    value = headers.get(name, usual)
    return int(value) if isinstance(value, int) and value >= 0 else usual


def _bytes(value: object) -> bytes | None:
    if not isinstance(value, str):
        return None
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return None


def _id_of(body: bytes) -> str:
    """An id for a message that is no job of ours, the same at each of its deliveries."""
    return str(UUID(bytes=blake2b(body, digest_size=16).digest(), version=4))
