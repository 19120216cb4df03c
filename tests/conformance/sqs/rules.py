"""What AWS says and the emulator does not do. Each rule quotes the document that it follows.

All quotes are of the "Amazon SQS API Reference" (2012-11-05) unless another one is named: that of
`SendMessage` stands in its page of that name.
"""

from __future__ import annotations

import random
import threading
from base64 import b64decode
from collections.abc import Callable, Mapping
from typing import Any

Data = dict[str, Any]
#: By the action's name of one message, or of a batch.
_SENDS = ("SendMessage", "SendMessageBatch")
_DELETES = ("DeleteMessage", "DeleteMessageBatch")
_POSTPONES = ("ChangeMessageVisibility", "ChangeMessageVisibilityBatch")

LONGEST_DELAY = 900
LONGEST_LEASE = 43_200
LARGEST = 1_048_576
MOST_IN_FLIGHT = 120_000


class Refusal(Exception):
    """An error that the service answers with."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


class Rules:
    """Judges requests before the emulator sees them, and its replies; any thread may ask."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._lock = threading.Lock()
        #: By receipt: when it was given out.
        self._receipts: dict[str, float] = {}

    def before(self, action: str, data: Data, count: Callable[[str], int]) -> Data | None:
        """What to answer at once, None if the emulator is to be asked; raises Refusal.

        Entries of a batch that are refused are taken out of `data` and kept for `after`. `count`
        tells how many messages of a queue are in flight.
        """
        if action in _SENDS:
            self._check_sizes(action, data)
            return self._by_entry(action, data, _check_delay)
        if action in _POSTPONES:
            return self._by_entry(action, data, self._check_visibility)
        if action == "ReceiveMessage":
            return self._check_in_flight(data, count)
        return None

    def after(self, action: str, data: Data, reply: Data) -> Data:
        """The reply as the service would have given it."""
        if action == "ReceiveMessage":
            return self._received(reply)
        if action == "DeleteMessageBatch":
            reply = self._deleted(data, reply)
        if refused := data.get("_refused"):
            reply = {**reply, "Failed": [*reply.get("Failed", ()), *refused]}
        return reply

    def is_stale(self, receipt: str) -> bool:
        """Whether such a receipt was given out once.

        "If you use an old ReceiptHandle, the request will succeed, but the message might not be
        deleted." (DeleteMessage)
        """
        return receipt in self._receipts

    def _by_entry(
        self, action: str, data: Data, check: Callable[[Mapping[str, Any]], None]
    ) -> Data | None:
        """AWS says: "Because the batch request can result in a combination of successful and
        unsuccessful actions, you should check for batch errors even when the call returns an HTTP
        status code of 200." (SendMessageBatch)
        """
        if not action.endswith("Batch"):
            check(data)
            return None
        kept, refused = [], []
        for entry in data.get("Entries", ()):
            try:
                check(entry)
                kept.append(entry)
            except Refusal as refusal:
                refused.append(failure(entry, refusal.code, refusal.message, by_sender=True))
        if not refused:
            return None
        data["Entries"], data["_refused"] = kept, refused
        return None if kept else {"Successful": [], "Failed": refused}

    def _check_sizes(self, action: str, data: Data) -> None:
        """AWS says: "The maximum allowed individual message size and the maximum total payload size
        (the sum of the individual lengths of all of the batched messages) are both 1 MiB 1,048,576
        bytes." (SendMessageBatch)

        "All parts of the message attribute, including Name, Type, and Value, are part of the
        message size restriction" (MessageAttributeValue).
        """
        sizes = [size_of(entry) for entry in data.get("Entries", [data])]
        if sum(sizes) <= LARGEST:
            return
        if action == "SendMessageBatch":
            raise Refusal(
                "BatchRequestTooLong",
                f"Batch requests cannot be longer than {LARGEST} bytes. You have sent {sum(sizes)}"
                " bytes.",
            )
        raise Refusal("InvalidParameterValue", f"Message must be shorter than {LARGEST} bytes.")

    def _check_visibility(self, entry: Mapping[str, Any]) -> None:
        """AWS says: "The maximum is 12 hours." and "If you attempt to set the VisibilityTimeout to
        a value greater than the maximum time left, Amazon SQS returns an error. Amazon SQS doesn't
        automatically recalculate and increase the timeout to the maximum remaining time."
        (ChangeMessageVisibility)
        """
        given = self._receipts.get(str(entry.get("ReceiptHandle")))
        spent = 0.0 if given is None else self._now() - given
        if int(entry.get("VisibilityTimeout", 0)) > LONGEST_LEASE - spent:
            raise Refusal(
                "InvalidParameterValue",
                f"Total VisibilityTimeout for the message is beyond the limit [{LONGEST_LEASE}"
                " seconds]",
            )

    def _check_in_flight(self, data: Data, count: Callable[[str], int]) -> Data | None:
        """AWS says: "For most standard queues (depending on queue traffic and message backlog),
        there can be a maximum of approximately 120,000 in flight messages"
        (ChangeMessageVisibility).

        "If you reach this quota while using short polling, Amazon SQS returns the OverLimit error
        message. If you use long polling, Amazon SQS returns no error messages." (Developer Guide,
        "Amazon SQS standard queue quotas")
        """
        if count(str(data.get("QueueUrl"))) < MOST_IN_FLIGHT:
            return None
        if int(data.get("WaitTimeSeconds", 0)):
            return {}
        raise Refusal("OverLimit", "Too many messages in flight")

    def _received(self, reply: Data) -> Data:
        """AWS says: "A standard queue makes a best effort to preserve the order of messages, but
        more than one copy of a message might be delivered out of order." (Developer Guide, "Amazon
        SQS standard queues")
        """
        messages = list(reply.get("Messages", ()))
        random.shuffle(messages)
        with self._lock:
            self._receipts |= {str(each["ReceiptHandle"]): self._now() for each in messages}
        return {**reply, "Messages": messages} if messages else reply

    def _deleted(self, data: Data, reply: Data) -> Data:
        """The rule of `is_stale`, for a batch."""
        receipts = {each["Id"]: str(each["ReceiptHandle"]) for each in data.get("Entries", ())}
        failed: list[Data] = []
        silent: list[Data] = []
        for each in reply.get("Failed", ()):
            (silent if self.is_stale(receipts[each["Id"]]) else failed).append(each)
        done = [*reply.get("Successful", ()), *({"Id": each["Id"]} for each in silent)]
        return {**reply, "Successful": done, "Failed": failed}


def size_of(entry: Mapping[str, Any]) -> int:
    """Bytes of a message that count."""
    size = len(str(entry.get("MessageBody", "")).encode())
    for name, value in entry.get("MessageAttributes", {}).items():
        binary = len(b64decode(value.get("BinaryValue", "")))
        text = value.get("StringValue", "").encode()
        size += len(name) + len(value.get("DataType", "")) + len(text) + binary
    return size


def failure(entry: Mapping[str, Any], code: str, message: str, *, by_sender: bool) -> Data:
    """An entry that failed, as a batch's reply has it."""
    return {"Id": entry["Id"], "Code": code, "Message": message, "SenderFault": by_sender}


def _check_delay(entry: Mapping[str, Any]) -> None:
    """AWS says: "The length of time, in seconds, for which to delay a specific message. Valid
    values: 0 to 900. Maximum: 15 minutes." (SendMessage)
    """
    delay = int(entry.get("DelaySeconds") or 0)
    if not 0 <= delay <= LONGEST_DELAY:
        raise Refusal(
            "InvalidParameterValue",
            f"Value {delay} for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >="
            f" 0 and <= {LONGEST_DELAY}.",
        )
