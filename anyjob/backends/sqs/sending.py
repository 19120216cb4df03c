"""Batches: up to ten entries and a mebibyte in one request, and an answer for each entry."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any, TypeVar

import msgspec

from anyjob.backends.sqs.crew import Crew
from anyjob.backends.sqs.errors import PASSING, STALE, Refused, Uncertain, code_of
from anyjob.backends.sqs.link import Link
from anyjob.backends.sqs.messages import LARGEST, MAX_PAYLOAD, MOST, Record, entry_of
from anyjob.core.errors import AnyjobError, BackendUnavailable

T = TypeVar("T")


class Fate(Enum):
    """What became of an entry, beside a refusal, which is an error."""

    DONE = "done"
    #: The receipt is not the newest any more.
    STALE = "stale"


#: An entry's fate, or why nothing was done of it; Uncertain if nobody can know.
Told = Fate | AnyjobError


class Send:
    """A message to be sent: where, or why nowhere; what, and in how many seconds it can be
    received. On a FIFO queue another one with the same word `once` stores nothing for five minutes.
    """

    __slots__ = ("delay", "once", "record", "url")

    def __init__(
        self, url: str | AnyjobError, record: Record, delay: int = 0, *, once: str = ""
    ) -> None:
        self.url, self.record, self.delay = url, record, delay
        self.once = once or record.id


class Batches:
    """Sends, deletes and postpones messages, many requests at a time."""

    def __init__(self, link: Link, crew: Crew) -> None:
        self._link = link
        self._crew = crew

    def send(self, sends: Sequence[Send], deadline: float) -> list[Told]:
        """Send messages; what became of each, in order."""
        lots: list[tuple[str, list[int], list[dict[str, Any]]]] = []
        open_lots: dict[str, tuple[list[int], list[dict[str, Any]], int]] = {}
        nowhere: dict[int, Told] = {}
        for index, each in enumerate(sends):
            if isinstance(each.url, AnyjobError):
                nowhere[index] = each.url
                continue
            try:
                record = self._claimed(each.record, deadline)
            except AnyjobError as error:
                nowhere[index] = error
                continue
            entry, size = entry_of(record, each.delay)
            if self._link.location.fifo:
                entry |= {"MessageGroupId": each.record.id, "MessageDeduplicationId": each.once}
            indexes, entries, total = open_lots.get(each.url, ([], [], 0))
            if len(entries) == MOST or total + size > LARGEST:
                lots.append((each.url, indexes, entries))
                indexes, entries, total = [], [], 0
            indexes.append(index)
            entries.append(entry)
            open_lots[each.url] = indexes, entries, total + size
        lots += [(url, indexes, entries) for url, (indexes, entries, _) in open_lots.items()]
        told = self._each("SendMessageBatch", lots, len(sends), deadline)
        return [nowhere.get(index, fate) for index, fate in enumerate(told)]

    def _claimed(self, record: Record, deadline: float) -> Record:
        """With its body in S3, where no message can hold it and it is not there yet."""
        if self._link.claims is None or record.claim or len(record.body) <= MAX_PAYLOAD:
            return record
        key = self._link.claims.put(record.id, record.body, deadline)
        return msgspec.structs.replace(record, claim=key)

    def delete(self, receipts: Sequence[tuple[str, str]], deadline: float) -> list[Told]:
        """Delete messages, each by the URL of its queue and its receipt."""
        return self._by_receipt("DeleteMessageBatch", receipts, deadline, {})

    def postpone(
        self, receipts: Sequence[tuple[str, str]], seconds: Sequence[int], deadline: float
    ) -> list[Told]:
        """Let messages be received again in so many seconds from now, and not before."""
        more = {index: {"VisibilityTimeout": each} for index, each in enumerate(seconds)}
        return self._by_receipt("ChangeMessageVisibilityBatch", receipts, deadline, more)

    def _by_receipt(
        self,
        operation: str,
        receipts: Sequence[tuple[str, str]],
        deadline: float,
        more: dict[int, dict[str, Any]],
    ) -> list[Told]:
        queues: dict[str, list[int]] = {}
        for index, (url, _) in enumerate(receipts):
            queues.setdefault(url, []).append(index)
        lots = []
        for url, indexes in queues.items():
            for some in (indexes[at : at + MOST] for at in range(0, len(indexes), MOST)):
                entries = [
                    {"ReceiptHandle": receipts[index][1], **more.get(index, {})} for index in some
                ]
                lots.append((url, some, entries))
        return self._each(operation, lots, len(receipts), deadline)

    def _each(
        self,
        operation: str,
        lots: Sequence[tuple[str, list[int], list[dict[str, Any]]]],
        count: int,
        deadline: float,
    ) -> list[Told]:
        told: list[Told] = [Uncertain("not asked")] * count

        def asking(url: str, entries: list[dict[str, Any]]) -> Callable[[], list[Told]]:
            return lambda: self._ask(operation, url, entries, deadline)

        answers = self._crew.together([asking(url, entries) for url, _, entries in lots])
        for (_, indexes, _), answer in zip(lots, answers, strict=True):
            fates = _fates(answer, len(indexes))
            for index, fate in zip(indexes, fates, strict=True):
                told[index] = fate
        return told

    def _ask(
        self, operation: str, url: str, entries: list[dict[str, Any]], deadline: float
    ) -> list[Told]:
        """One request, and again for those entries that were refused for the moment alone."""
        told: dict[int, Told] = {}
        left, pause = list(range(len(entries))), 0.05
        while left:
            batch = [{"Id": str(index), **entries[index]} for index in left]
            try:
                reply = self._link.call(operation, deadline=deadline, QueueUrl=url, Entries=batch)
            except AnyjobError as error:
                if not told:
                    raise
                told |= dict.fromkeys(left, error)
                break
            told |= {int(each["Id"]): Fate.DONE for each in reply.get("Successful", ())}
            failed = {int(each["Id"]): each for each in reply.get("Failed", ())}
            told |= {index: self._failed(operation, each) for index, each in failed.items()}
            left = [index for index, each in failed.items() if _passes(each)]
            nap = pause * random.uniform(0.5, 1.0)
            if time.monotonic() + nap >= deadline:
                break
            if left:
                time.sleep(nap)
                pause = min(2 * pause, 1.0)
        unsaid = Uncertain(f"{self._link.location.shown} says nothing of an entry of {operation}")
        return [told.get(index, unsaid) for index in range(len(entries))]

    def _failed(self, operation: str, failure: dict[str, Any]) -> Told:
        code = code_of(failure)
        if code in STALE and operation != "SendMessageBatch":
            return Fate.STALE
        where = self._link.location.shown
        if not _passes(failure):
            return Refused(f"{where} refuses an entry of {operation} ({code})", code)
        return BackendUnavailable(f"{where} puts an entry of {operation} off ({code})")


def _fates(answer: list[Told] | Exception, count: int) -> list[Told]:
    """What became of the entries of a request that was answered, or raised this."""
    if isinstance(answer, list):
        return answer
    if not isinstance(answer, AnyjobError):
        raise answer
    return [answer] * count


def _passes(failure: dict[str, Any]) -> bool:
    """Whether the same entry may be taken later: it was not the sender's fault, and is not there
    (AWS, BatchResultErrorEntry).
    """
    return not failure.get("SenderFault", False) or code_of(failure) in PASSING
