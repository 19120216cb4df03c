"""A stored job as people read it: what can be decoded is, and what cannot raises nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from anyjob.core.backend import JobRecord
from anyjob.core.errors import DecodeError
from anyjob.core.note import Note, read_note
from anyjob.core.result import decode_end
from anyjob.core.state import State
from anyjob.core.wire import Body, decode_body


class JobView(msgspec.Struct, frozen=True):
    """A decoded record. Times in seconds since the epoch."""

    id: str
    queue: str
    state: State
    priority: int
    attempts: int
    redeliveries: int
    #: Empty where the body cannot be decoded or is no longer stored.
    task: str = ""
    #: The arguments as JSON text.
    arguments: str = ""
    headers: Mapping[str, str] = {}
    enqueued_at: float | None = None
    due: float | None = None
    until: float | None = None
    expires: float | None = None
    unique_key: str | None = None
    reason: str | None = None
    ended: float | None = None
    note: Note = Note()
    #: The result as JSON text; None where there is none.
    result: str | None = None
    #: Why the body cannot be decoded; empty if it can.
    undecodable: str = ""
    body: bytes | None = None


def view(record: JobRecord, max_bytes: int) -> JobView:
    """Return what a record says."""
    plain: dict[str, Any] = {
        name: getattr(record, name)
        for name in (
            "id",
            "queue",
            "state",
            "priority",
            "attempts",
            "redeliveries",
            "due",
            "until",
            "ended",
            "body",
        )
    }
    return JobView(
        **plain,
        **_from_body(record, max_bytes),
        **_from_outcome(record),
        note=read_note(record.note),
    )


def _from_body(record: JobRecord, max_bytes: int) -> dict[str, Any]:
    if record.body is None:
        return {}
    try:
        body = decode_body(record.body, max_bytes)
    except DecodeError as error:
        return {"undecodable": str(error)}
    return {
        "task": body.task,
        "arguments": bytes(body.args).decode("utf-8", "replace"),
        "headers": body.headers,
        "enqueued_at": body.enqueued_at,
        "expires": body.expires,
        "unique_key": body.unique_key,
    }


def _from_outcome(record: JobRecord) -> dict[str, Any]:
    found: dict[str, Any] = {"reason": record.reason}
    if record.outcome is None:
        return found
    try:
        ended = decode_end(record.outcome)
    except DecodeError:
        return found
    if record.state is State.SUCCEEDED:
        found["result"] = bytes(ended.result).decode("utf-8", "replace")
    elif ended.reason:
        found["reason"] = ended.reason
    return found


def edited(body: bytes, arguments: Mapping[str, Any], max_bytes: int) -> bytes:
    """Return a body with some of its arguments replaced, everything else as it was; raises
    DecodeError.
    """
    decoded: Body = decode_body(body, max_bytes)
    args = {**msgspec.json.decode(decoded.args), **arguments}
    return msgspec.json.encode(
        msgspec.structs.replace(decoded, args=msgspec.Raw(msgspec.json.encode(args)))
    )
