"""The dead letters of a queue. SQS lists nothing: whoever looks receives, and puts back."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any

import msgspec

from anyjob.backends.sqs.crew import Crew
from anyjob.backends.sqs.link import COMMAND, Link
from anyjob.backends.sqs.messages import ATTRIBUTES, MOST, SYSTEM_ATTRIBUTES, Record, read, sent_at
from anyjob.backends.sqs.names import BANDS, DEAD, band_of
from anyjob.backends.sqs.queues import Queues
from anyjob.backends.sqs.sending import Batches, Fate, Send
from anyjob.core.backend import JobRecord, Page
from anyjob.core.errors import AnyjobError, BackendUnavailable, InvalidOption
from anyjob.core.state import State

#: Seconds for which somebody who looks keeps a message from others, and may look.
_KEPT, _LOOK = 60, 30.0
#: What SQS itself moved there, because it was received too often.
_POISON = "poison"
#: Requests that receive at the same time.
_WIDE = 4


class Letter(msgspec.Struct, frozen=True):
    """A dead letter as it was received."""

    record: Record
    url: str
    receipt: str
    died: float


class DeadLetters:
    """Lists, revives and discards; any thread. Two who look at once see a part each."""

    def __init__(self, link: Link, queues: Queues, batches: Batches, crew: Crew) -> None:
        self._link = link
        self._queues = queues
        self._batches = batches
        self._crew = crew

    def browse(self, queue: str, cursor: str | None, limit: int) -> Page:
        after = _position(cursor)
        letters = self._look(queue)
        self._put_back(letters)
        rest = sorted(each for each in map(_place, letters) if after is None or each > after)
        chosen = set(rest[:limit])
        records = [self._shown(queue, each) for each in letters if _place(each) in chosen]
        records.sort(key=lambda record: (record.ended or 0.0, record.id))
        following = f"{rest[limit - 1][0]:.3f} {rest[limit - 1][1]}" if len(rest) > limit else None
        return Page(records, following)

    def find(self, queue: str, ids: Sequence[str]) -> dict[str, JobRecord]:
        """Those of these jobs that are dead, by id."""
        letters = self._look(queue)
        self._put_back(letters)
        found = [each for each in letters if each.record.id in ids]
        return {each.record.id: self._shown(queue, each) for each in found}

    def revive(self, queue: str, ids: Sequence[str] | None, edit: Mapping[str, bytes]) -> int:
        """Send them anew, then remove them here: a crash in between leaves both."""
        chosen = self._choose(queue, ids)
        sends = [self._revived(queue, each, edit) for each in chosen]
        deadline = time.monotonic() + _LOOK
        told = self._batches.send(sends, deadline)
        sent = [letter for letter, fate in zip(chosen, told, strict=True) if fate is Fate.DONE]
        self._put_back([letter for letter in chosen if letter not in sent])
        self._remove(sent, deadline)
        return _count(told)

    def discard(self, queue: str, ids: Sequence[str] | None) -> int:
        chosen = self._choose(queue, ids)
        return _count(self._remove(chosen, time.monotonic() + _LOOK))

    def _choose(self, queue: str, ids: Sequence[str] | None) -> list[Letter]:
        letters = self._look(queue)
        wanted = None if ids is None else set(ids)
        chosen = [each for each in letters if wanted is None or each.record.id in wanted]
        self._put_back([each for each in letters if each not in chosen])
        return chosen

    def _revived(self, queue: str, letter: Letter, edit: Mapping[str, bytes]) -> Send:
        record = letter.record
        fresh = Record(
            id=record.id,
            body=edit.get(record.id, record.body),
            priority=record.priority,
            note=record.note,
            claim="" if record.id in edit else record.claim,
        )
        url = self._queues.url(queue, band_of(record.priority))
        # Not the id: a job that is revived minutes after it was stored is no copy.
        return Send(url, fresh, once=blake2b(letter.receipt.encode(), digest_size=16).hexdigest())

    def _shown(self, queue: str, letter: Letter) -> JobRecord:
        record = whole(self._link, letter.record, time.monotonic() + COMMAND)
        return _shown(queue, msgspec.structs.replace(letter, record=record))

    def _look(self, queue: str) -> list[Letter]:
        """Receive every dead letter there is, and keep it from others for a minute."""
        url = self._queues.url(queue, DEAD)
        return _letters(sweep(self._link, self._crew, url), url)

    def _put_back(self, letters: Sequence[Letter]) -> None:
        if letters:
            receipts = [(each.url, each.receipt) for each in letters]
            # What is not put back comes back by itself within a minute.
            self._batches.postpone(receipts, [0] * len(receipts), time.monotonic() + _LOOK)

    def _remove(self, letters: Sequence[Letter], deadline: float) -> list[Any]:
        return self._batches.delete([(each.url, each.receipt) for each in letters], deadline)


def sweep(link: Link, crew: Crew, url: str, kept: int = _KEPT) -> list[dict[str, Any]]:
    """Every message that can be received now, each kept from others for so many seconds.

    Raises BackendUnavailable if there are more than can be received in half a minute.
    """
    deadline = time.monotonic() + _LOOK
    found: dict[str, dict[str, Any]] = {}
    wide = 1
    while True:
        works = [
            lambda: receive(link, url, MOST, kept=kept, wait=link.whole)[0] for _ in range(wide)
        ]
        replies = crew.together(works)
        for reply in replies:
            if isinstance(reply, Exception):
                raise reply
            found |= {str(each["MessageId"]): each for each in reply}
        if not all(replies):
            return list(found.values())
        if time.monotonic() >= deadline:
            raise BackendUnavailable(
                f"{link.location.shown} has more than the {len(found)} messages that could be"
                " received in 30 s; look at the queue with AWS's own tools"
            )
        wide = _WIDE


def receive(
    link: Link, url: str, count: int, *, kept: int, wait: int, group: object = None
) -> tuple[list[dict[str, Any]], str | None]:
    """Up to ten messages, as soon as there is one, [] after `wait` seconds; and the Date."""
    reply = link.call(
        "ReceiveMessage",
        deadline=time.monotonic() + wait + 5.0,
        group=group,
        QueueUrl=url,
        MaxNumberOfMessages=min(count, MOST),
        VisibilityTimeout=kept,
        WaitTimeSeconds=wait,
        MessageSystemAttributeNames=SYSTEM_ATTRIBUTES,
        MessageAttributeNames=ATTRIBUTES,
    )
    headers = reply.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    return reply.get("Messages", []), headers.get("date")


def whole(link: Link, record: Record, deadline: float) -> Record:
    """With its body, which may be in S3; what is not there any more is no job. Raises
    BackendUnavailable.
    """
    if not record.claim:
        return record
    if link.claims is None:
        raise BackendUnavailable(
            f"the body of job {record.id} is in a bucket of S3 that {link.location.shown} does not"
            " name; add ?bucket= to the URL, as its producer has it"
        )
    body = link.claims.get(record.claim, deadline)
    if body is None:
        return msgspec.structs.replace(record, body=record.claim.encode(), is_ours=False)
    return msgspec.structs.replace(record, body=body)


def purge_ready(link: Link, queues: Queues, batches: Batches, crew: Crew, queue: str) -> int:
    """Remove what can be received now, and is not on its way to a later time."""
    urls = {band: queues.url(queue, band) for band in BANDS}
    works = [lambda url=url: sweep(link, crew, url) for url in urls.values()]
    early: list[tuple[str, str]] = []
    gone: list[tuple[str, str]] = []
    for (band, url), messages in zip(urls.items(), crew.together(works), strict=True):
        if isinstance(messages, Exception):
            raise messages
        for each in messages:
            is_early = _is_early(each, band, link.service.time())
            (early if is_early else gone).append((url, str(each["ReceiptHandle"])))
    deadline = time.monotonic() + _LOOK
    if early:
        batches.postpone(early, [0] * len(early), deadline)
    return _count(batches.delete(gone, deadline))


def _is_early(message: dict[str, Any], band: str, now: float) -> bool:
    due = read(message, band).due
    return due is not None and due > now


def _letters(messages: Sequence[dict[str, Any]], url: str) -> list[Letter]:
    letters = []
    for each in messages:
        record = read(each, DEAD)
        died = sent_at(each) if record.died is None else record.died
        letters.append(Letter(record, url, str(each["ReceiptHandle"]), died))
    return letters


def _place(letter: Letter) -> tuple[float, str]:
    return round(letter.died, 3), letter.record.id


def _shown(queue: str, letter: Letter) -> JobRecord:
    record = letter.record
    return JobRecord(
        id=record.id,
        queue=queue,
        state=State.DEAD,
        priority=record.priority,
        attempts=record.attempts,
        redeliveries=record.redeliveries,
        body=record.body,
        note=record.note,
        reason=_POISON if record.died is None else record.reason,
        ended=letter.died,
    )


def _position(cursor: str | None) -> tuple[float, str] | None:
    if cursor is None:
        return None
    died, _, id = cursor.partition(" ")
    try:
        return float(died), id
    except ValueError:
        raise InvalidOption(
            f"expected a cursor that browse() of the state 'dead' returned, got {cursor!r}"
        ) from None


def _count(told: Sequence[Any]) -> int:
    """How many were done; raises what stood in the way if none was."""
    done = sum(each is Fate.DONE for each in told)
    errors = [each for each in told if isinstance(each, AnyjobError)]
    if errors and not done:
        raise errors[0]
    return done
