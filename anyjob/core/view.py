"""A stored job as people read it: what can be decoded is, and what cannot raises nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from anyjob.core.backend import JobRecord
from anyjob.core.errors import DecodeError, InvalidArguments, PayloadTooLarge
from anyjob.core.limits import check_limits
from anyjob.core.note import Note, read_note
from anyjob.core.result import decode_end
from anyjob.core.state import State
from anyjob.core.wire import decode_body


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


def view(record: JobRecord, max_bytes: int, now: float) -> JobView:
    """Return what a record says; `now` in seconds since the epoch."""
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
        **_from_outcome(record, now),
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


def _from_outcome(record: JobRecord, now: float) -> dict[str, Any]:
    found: dict[str, Any] = {"reason": record.reason}
    if record.outcome is None:
        return found
    try:
        ended = decode_end(record.outcome)
    except DecodeError:
        return found
    if record.state is State.SUCCEEDED and ended.is_shown(now):
        found["result"] = bytes(ended.result).decode("utf-8", "replace")
    elif ended.reason:
        found["reason"] = ended.reason
    return found


def edited(body: bytes, arguments: Mapping[str, Any], max_bytes: int) -> bytes:
    """Return a body with some of its arguments replaced, everything else byte for byte as it was.

    Fields that this release does not know stay too. Raises DecodeError for what is no job,
    InvalidArguments for a value that JSON cannot carry, and PayloadTooLarge if it came out longer
    than `max_bytes`.
    """
    decode_body(body, max_bytes)
    try:
        fields = _fields.decode(body)
        args = _fields.decode(fields["args"])
    except (msgspec.MsgspecError, ValueError) as error:
        raise DecodeError(f"expected arguments by name, got {error}") from error
    args |= {name: _encoded(name, value) for name, value in arguments.items()}
    fields["args"] = msgspec.Raw(msgspec.json.encode(args))
    message = msgspec.json.encode(fields)
    if len(message) > max_bytes:
        raise PayloadTooLarge(f"expected a job of at most {max_bytes} bytes, got {len(message)}")
    check_limits(message, max_bytes)
    return message


def _encoded(name: str, value: Any) -> msgspec.Raw:
    try:
        return msgspec.Raw(msgspec.json.encode(value))
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidArguments(f"argument {name!r} cannot be stored: {error}") from error


_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])
