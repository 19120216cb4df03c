"""The body of an envelope: what never changes of a job, as UTF-8 JSON.

The format is public and versioned (`docs/reference/wire-format.md`), so that other languages can
write it. Unknown fields are ignored; every field has a bound; NaN, trailing bytes and numbers out
of range are refused.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from anyjob.core.durations import MAX_INSTANT, MAX_SPAN
from anyjob.core.errors import DecodeError, NewerVersion
from anyjob.core.limits import MAX_PAYLOAD, check_limits

VERSION = 1

_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
_Queue = Annotated[str, msgspec.Meta(min_length=1, max_length=80)]
_Key = Annotated[str, msgspec.Meta(min_length=1, max_length=1024)]
_VersionNumber = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
_Instant = Annotated[float, msgspec.Meta(ge=0, le=MAX_INSTANT)]
_Span = Annotated[float, msgspec.Meta(ge=0, le=MAX_SPAN)]
_PositiveSpan = Annotated[float, msgspec.Meta(gt=0, le=MAX_SPAN)]
Headers = dict[
    Annotated[str, msgspec.Meta(max_length=1024)], Annotated[str, msgspec.Meta(max_length=65536)]
]


class RetryOverride(msgspec.Struct, frozen=True, omit_defaults=True):
    """The retry policy of one job, where it differs from its task's."""

    max_attempts: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
    backoff: Literal["fixed", "linear", "exponential"]
    initial: _Span
    factor: Annotated[float, msgspec.Meta(ge=1, le=100)]
    cap: _PositiveSpan
    jitter: bool | Literal["full", "equal"] = True
    budget: _PositiveSpan | None = None


class Body(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One job as it travels. Times in seconds since the epoch, spans in seconds."""

    v: _VersionNumber
    id: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    task: _Name
    #: A JSON object, parameter name to value; an argument that was not passed is not in it.
    args: msgspec.Raw
    queue: _Queue = "default"
    priority: Annotated[int, msgspec.Meta(ge=0, le=9)] = 5
    enqueued_at: _Instant
    #: How long it was to wait, or until when; at most one of them.
    delay: _Span | None = None
    run_at: _Instant | None = None
    #: After this instant it is not worth starting.
    expires: _Instant | None = None
    unique_key: _Key | None = None
    unique_ttl: _PositiveSpan | None = None
    #: What one attempt may take; 0: no limit, whatever the task says.
    timeout: _Span | None = None
    #: False: none; True: the task's own.
    retry: RetryOverride | bool | None = None
    keep: _Span | None = None
    headers: Headers = {}
    #: Options that middleware declared.
    options: dict[str, Any] = {}


class _Version(msgspec.Struct):
    v: _VersionNumber


_encoder = msgspec.json.Encoder(decimal_format="string")
_decoder = msgspec.json.Decoder(Body)
_version_decoder = msgspec.json.Decoder(_Version)

encode_body = _encoder.encode


def decode_body(message: bytes, max_bytes: int = MAX_PAYLOAD) -> Body:
    """Return the job in `message`.

    Raises NewerVersion for a later wire format, else DecodeError for whatever is not a job within
    the limits.
    """
    check_limits(message, max_bytes)
    try:
        body = _decoder.decode(message)
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        _refuse_newer(message)
        raise DecodeError(
            f"expected a job in wire format {VERSION}, got: {str(error)[:200]}"
        ) from error
    if body.v > VERSION:
        _refuse_newer(message)
    return body


def _refuse_newer(message: bytes) -> None:
    try:
        version = _version_decoder.decode(message).v
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return
    if version > VERSION:
        raise NewerVersion(
            f"expected wire format {VERSION} or older, got {version}; a newer worker can run it"
        )
