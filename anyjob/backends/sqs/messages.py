"""A job as a message: the body as text, and beside it what changes.

The attribute `anyjob` holds: version, id, priority, failed runs, lost leases, how the body is
written (`t` as it is, `b` in base64, `e` for an empty one, `s` for the key of an object in S3), and
when the job is due in milliseconds or `-`.
`anyjob.note` holds the note, `anyjob.dead` when a dead job was buried and whether that was a run,
`anyjob.reason` why.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any

import msgspec

from anyjob.backends.sqs.names import PRIORITY_OF_FOREIGNERS
from anyjob.core.envelope import PRIORITIES, Envelope
from anyjob.core.settlement import MAX_NOTE

#: Of one message and of all that are sent together, attributes counted (AWS, SendMessageBatch).
LARGEST = 1_048_576
MOST = 10
#: What note, reason and the rest of the attributes take at most.
_BESIDE = MAX_NOTE + 4096
#: So that every body fits in base64, beside them.
MAX_PAYLOAD = (LARGEST - _BESIDE) // 4 * 3
MAX_REASON = 2048

_RECORD, _NOTE, _DEAD, _REASON = "anyjob", "anyjob.note", "anyjob.dead", "anyjob.reason"
SYSTEM_ATTRIBUTES = [
    "ApproximateFirstReceiveTimestamp",
    "ApproximateReceiveCount",
    "SentTimestamp",
]
ATTRIBUTES = [_RECORD, _NOTE, _DEAD, _REASON]
# All that AWS lets pass: #x9, #xA, #xD, #x20 to #xD7FF, #xE000 to #xFFFD, #x10000 to #x10FFFF.
_UNSENDABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_FIELDS = re.compile(
    r"1 ([0-9A-Fa-f-]{36}) ([0-9]) ([0-9]{1,9}) ([0-9]{1,9}) ([tbes]) ([0-9]{1,15}|-)", re.ASCII
)


class Record(msgspec.Struct, frozen=True):
    """What a message says of its job."""

    id: str
    body: bytes
    priority: int
    attempts: int = 0
    redeliveries: int = 0
    note: bytes = b""
    #: By the service's clock, in seconds, where one message cannot wait as long.
    due: float | None = None
    #: When it was buried, and why.
    died: float | None = None
    reason: str | None = None
    #: Whether it is one of ours at all.
    is_ours: bool = True
    #: The key of the object that has the body; "" if the message has it.
    claim: str = ""

    def __repr__(self) -> str:
        # No payload in a log line or a traceback.
        return f"<Record of {self.id}>"


def record_of(job: Envelope, due: float | None = None) -> Record:
    return Record(id=job.id, body=job.body, priority=job.priority, due=due)


def entry_of(record: Record, delay: int = 0) -> tuple[dict[str, Any], int]:
    """A message to be sent, and how many bytes of it count."""
    how, text = ("s", record.claim) if record.claim else _as_text(record.body)
    due = "-" if record.due is None else str(round(record.due * 1000))
    fields = (1, record.id, record.priority, record.attempts, record.redeliveries, how, due)
    attributes = {_RECORD: _string(" ".join(map(str, fields)))}
    if record.note:
        attributes[_NOTE] = _binary(record.note)
    if record.died is not None:
        attributes[_DEAD] = _string(str(round(record.died * 1000)))
        attributes[_REASON] = _binary((record.reason or "").encode("utf-8", "replace") or b" ")
    entry: dict[str, Any] = {"MessageBody": text, "MessageAttributes": attributes}
    if delay:
        entry["DelaySeconds"] = delay
    size = len(text) if text.isascii() else len(text.encode())
    for name, value in attributes.items():
        content = value.get("StringValue") or value["BinaryValue"]
        size += len(name) + len(value["DataType"]) + len(content)
    return entry, size


def read(message: dict[str, Any], band: str) -> Record:
    """What a received message says; one of somebody else's has its bytes and no more."""
    attributes = message.get("MessageAttributes", {})
    text = message.get("Body", "")
    found = _FIELDS.fullmatch(attributes.get(_RECORD, {}).get("StringValue", ""))
    body = None if found is None else _as_bytes(found[5], text)
    if found is None or body is None:
        return Record(
            id=str(message["MessageId"]),
            body=text.encode("utf-8", "surrogatepass"),
            priority=PRIORITY_OF_FOREIGNERS.get(band, PRIORITIES // 2),
            is_ours=False,
        )
    died = attributes.get(_DEAD, {}).get("StringValue", "")
    return Record(
        id=found[1],
        body=body,
        priority=int(found[2]),
        attempts=int(found[3]),
        redeliveries=int(found[4]),
        note=attributes.get(_NOTE, {}).get("BinaryValue", b""),
        due=None if found[6] == "-" else int(found[6]) / 1000,
        died=int(died) / 1000 if died.isascii() and died.isdecimal() else None,
        reason=_text(attributes.get(_REASON, {}).get("BinaryValue", b"")),
        claim=text if found[5] == "s" else "",
    )


def receives(message: dict[str, Any]) -> int:
    """How often it was received, this time counted; the service promises no more than about."""
    return max(1, int(message.get("Attributes", {}).get("ApproximateReceiveCount", "1")))


def received_at(message: dict[str, Any]) -> float | None:
    """When the service gave it out now, in seconds since the epoch; it tells of the first time."""
    return (first_received_at(message) or None) if receives(message) == 1 else None


def first_received_at(message: dict[str, Any]) -> float:
    """When the service gave it out for the first time, in seconds since the epoch; 0.0 unsaid."""
    said = message.get("Attributes", {}).get("ApproximateFirstReceiveTimestamp", "0")
    return int(said) / 1000


def sent_at(message: dict[str, Any]) -> float:
    """When it was put into this queue, in seconds since the epoch."""
    return int(message.get("Attributes", {}).get("SentTimestamp", "0")) / 1000


def _as_text(body: bytes) -> tuple[str, str]:
    if not body:
        return "e", "-"  # a message has at least one character
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return "b", base64.b64encode(body).decode()
    if _UNSENDABLE.search(text):
        return "b", base64.b64encode(body).decode()
    return "t", text


def _as_bytes(how: str, text: str) -> bytes | None:
    if how == "t":
        return text.encode("utf-8", "surrogatepass")
    if how in ("e", "s"):
        return b""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def _text(content: bytes) -> str | None:
    return content.decode("utf-8", "replace").strip() or None


def _string(value: str) -> dict[str, Any]:
    return {"DataType": "String", "StringValue": value}


def _binary(value: bytes) -> dict[str, Any]:
    return {"DataType": "Binary", "BinaryValue": value}
