"""The SQS queues behind our queues: made, found, listed, tagged and counted."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from anyjob.backends.sqs.crew import Crew
from anyjob.backends.sqs.errors import NoQueue, Refused
from anyjob.backends.sqs.facts import RETENTION
from anyjob.backends.sqs.link import COMMAND, Link
from anyjob.backends.sqs.names import BANDS, DEAD, PLAIN, prefix_of, queue_of, sqs_name
from anyjob.core.backend import Counts
from anyjob.core.errors import AnyjobError, BackendUnavailable, ConfigurationError

#: The most receives before SQS itself moves a message to the dead; out of reach of what we count.
_RECEIVES = 1000
_VISIBILITY = 60
#: Tags on the plain band: whose it is, in case its name is a hash, and whether it is paused.
_NAMESPACE_TAG, _QUEUE_TAG, _PAUSED_TAG = "anyjob:namespace", "anyjob:queue", "anyjob:paused"
_PAGE = 1000
#: Each job is a group of its own, so a limit of each group's is none (AWS, "High throughput for
#: FIFO queues in Amazon SQS").
_FIFO = {
    "FifoQueue": "true",
    "DeduplicationScope": "messageGroup",
    "FifoThroughputLimit": "perMessageGroupId",
}

T = TypeVar("T")


class Queues:
    """Knows the URLs of one namespace; any thread may ask."""

    def __init__(self, link: Link, namespace: str, crew: Crew) -> None:
        self._link = link
        self._namespace = namespace
        self._crew = crew
        self._fifo = link.location.fifo
        self._lock = threading.Lock()
        self._urls: dict[str, str] = {}
        #: The queues that were found once.
        self._known: set[str] = set()
        #: Told of what nobody asked for.
        self.report: Callable[[str, Mapping[str, Any]], None] = lambda name, facts: None

    def url(self, queue: str, band: str) -> str:
        """Where a band is. Raises NoQueue if it is not declared."""
        name = self._name(queue, band)
        found = self._urls.get(name)
        if found is None:
            found = self._ask_url(name, queue)
            if found is None:
                raise NoQueue(
                    f"{self._link.location.shown} has no SQS queue {name!r} for queue {queue!r};"
                    " declare it (App does, and 'anyjob worker'), or correct region and namespace"
                    f"{self._other_kind(queue, band)}"
                )
        return found

    def lost(self, queue: str) -> None:
        """Somebody has deleted a queue that was there, or part of it: make it anew, and say so.

        Raises what stands in the way.
        """
        if queue not in self._known:
            return
        with self._lock:
            for band in (*BANDS, DEAD):
                self._urls.pop(self._name(queue, band), None)
        if self._declare(queue):
            self.report("backend.queue_deleted", {"queue": queue})

    def in_flight(self) -> dict[str, int]:
        """About how many messages are received and not deleted, by queue; of those in use here."""
        names = sorted(self._known)
        works = [lambda name=name: self._count(self.url(name, PLAIN))[2] for name in names]
        return dict(zip(names, _answered(self._crew.together(works)), strict=True))

    def declare(self, queues: Sequence[str]) -> None:
        """Make what is not there. What is stays as it is, whatever its settings."""
        works = [lambda queue=queue: self._declare(queue) for queue in queues]
        _answered(self._crew.together(works))

    def names(self) -> set[str]:
        """The queues that there are."""
        found: set[str] = set()
        token: dict[str, Any] = {}
        while True:
            reply = self._link.call(
                "ListQueues",
                QueueNamePrefix=prefix_of(self._namespace),
                MaxResults=_PAGE,
                **token,
            )
            for url in reply.get("QueueUrls", ()):
                name = str(url).rpartition("/")[2]
                queue = queue_of(self._namespace, name, fifo=self._fifo)
                found |= self._hidden(str(url)) if queue == "" else {queue} if queue else set()
            if not reply.get("NextToken"):
                return found
            token = {"NextToken": reply["NextToken"]}

    def is_paused(self, queue: str) -> bool:
        """Whether the tag of a queue says so."""
        return _PAUSED_TAG in self._tags(self.url(queue, PLAIN))

    def set_paused(self, queue: str, *, paused: bool) -> None:
        url = self.url(queue, PLAIN)
        if paused:
            self._link.call("TagQueue", QueueUrl=url, Tags={_PAUSED_TAG: "yes"})
        else:
            self._link.call("UntagQueue", QueueUrl=url, TagKeys=[_PAUSED_TAG])

    def counts(self, queue: str) -> Counts:
        """About how many jobs there are; SQS tells no age."""
        bands = (*BANDS, DEAD)
        works = [lambda band=band: self._count(self.url(queue, band)) for band in bands]
        *waiting, dead = _answered(self._crew.together(works))
        ready, delayed, leased = (sum(each) for each in zip(*waiting, strict=True))
        return Counts(ready=ready, scheduled=delayed, leased=leased, dead=sum(dead))

    def _name(self, queue: str, band: str) -> str:
        return sqs_name(self._namespace, queue, band, fifo=self._fifo)

    def _other_kind(self, queue: str, band: str) -> str:
        """What to do where the queue is there, as one of the other kind."""
        name = sqs_name(self._namespace, queue, band, fifo=not self._fifo)
        try:
            self._link.call("GetQueueUrl", QueueName=name)
        except AnyjobError:
            return ""
        scheme = "sqs" if self._fifo else "sqs+fifo"
        return f"; there is {name!r}, which is reached by {scheme}://"

    def _ask_url(self, name: str, queue: str) -> str | None:
        try:
            url = str(self._link.call("GetQueueUrl", QueueName=name)["QueueUrl"])
        except NoQueue:
            return None
        with self._lock:
            self._urls[name] = url
            self._known.add(queue)
        return url

    def _declare(self, queue: str) -> bool:
        """Whether something was missing."""
        bands = (DEAD, *BANDS)
        missing = [band for band in bands if self._is_missing(queue, band)]
        attributes = {
            "MessageRetentionPeriod": str(RETENTION),
            "VisibilityTimeout": str(_VISIBILITY),
            **(_FIFO if self._fifo else {}),
        }
        for band in missing:
            if band != DEAD and "RedrivePolicy" not in attributes:
                attributes["RedrivePolicy"] = self._redrive(queue)
            self._make(queue, band, attributes)
        return bool(missing)

    def _is_missing(self, queue: str, band: str) -> bool:
        name = self._name(queue, band)
        return name not in self._urls and self._ask_url(name, queue) is None

    def _make(self, queue: str, band: str, attributes: dict[str, str]) -> None:
        name = self._name(queue, band)
        tags = {_NAMESPACE_TAG: self._namespace, _QUEUE_TAG: queue}
        try:
            made = self._link.call("CreateQueue", QueueName=name, Attributes=attributes, tags=tags)
        except Refused as error:
            if error.code in ("QueueNameExists", "QueueAlreadyExists"):
                return  # somebody else was faster, with settings of theirs
            if error.code in (
                "QueueDeletedRecently",
                "AWS.SimpleQueueService.QueueDeletedRecently",
            ):
                raise BackendUnavailable(
                    f"SQS queue {name!r} was deleted less than 60 seconds ago, and cannot be made"
                    " before; try again then"
                ) from error
            raise ConfigurationError(
                f"SQS queue {name!r} cannot be made ({error.code}); make it by hand"
            ) from error
        with self._lock:
            self._urls[name] = str(made["QueueUrl"])
            self._known.add(queue)

    def _redrive(self, queue: str) -> str:
        dead = self.url(queue, DEAD)
        deadline = time.monotonic() + COMMAND
        while (arn := self._arn(dead)) is None:
            # It was made a moment ago.
            if time.monotonic() >= deadline:
                raise NoQueue(f"{self._link.location.shown} does not find the queue it has made")
            time.sleep(0.2)
        return json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": str(_RECEIVES)})

    def _arn(self, url: str) -> str | None:
        try:
            said = self._link.call("GetQueueAttributes", QueueUrl=url, AttributeNames=["QueueArn"])
        except NoQueue:
            return None
        return str(said["Attributes"]["QueueArn"])

    def _tags(self, url: str) -> dict[str, str]:
        tags: dict[str, str] = self._link.call("ListQueueTags", QueueUrl=url).get("Tags", {})
        return tags

    def _hidden(self, url: str) -> set[str]:
        """The queue whose name is a hash, if it is the namespace's."""
        try:
            tags = self._tags(url)
        except NoQueue:
            return set()
        is_mine = tags.get(_NAMESPACE_TAG) == self._namespace
        return {tags[_QUEUE_TAG]} if is_mine and _QUEUE_TAG in tags else set()

    def _count(self, url: str) -> tuple[int, int, int]:
        names = [f"ApproximateNumberOfMessages{kind}" for kind in ("", "Delayed", "NotVisible")]
        said = self._link.call("GetQueueAttributes", QueueUrl=url, AttributeNames=names)
        ready, delayed, leased = (int(said["Attributes"].get(name, 0)) for name in names)
        return ready, delayed, leased


def _answered(results: Sequence[T | Exception]) -> list[T]:
    """What calls returned; raises what the first of them raised."""
    answers: list[T] = []
    for result in results:
        if isinstance(result, Exception):
            raise result
        answers.append(result)
    return answers
