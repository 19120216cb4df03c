"""The way to the service: one client for a process, our errors, and a deadline for each call."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Mapping
from typing import Any

import botocore.exceptions
from botocore.utils import get_environ_proxies

from anyjob.backends.sqs.claims import Claims
from anyjob.backends.sqs.client import make_client
from anyjob.backends.sqs.clock import ServiceClock
from anyjob.backends.sqs.errors import (
    PASSING,
    Refused,
    Uncertain,
    Unfit,
    code_of,
    refusal,
    undriven,
)
from anyjob.backends.sqs.transport import Broken, Transport
from anyjob.backends.sqs.url import Location
from anyjob.core.clock import Clock, SystemClock
from anyjob.core.errors import BackendUnavailable, Misuse

#: Seconds for a call that waits for nothing.
COMMAND = 5.0
#: Between two tries after a refusal that passes by itself, at first and at most.
_SOONEST, _LATEST = 0.05, 1.0


class Link:
    """Asks the service; any thread may."""

    def __init__(self, location: Location, clock: Clock | None) -> None:
        self.location = location
        #: Ours, for deadlines of leases.
        self.clock: Clock = clock or SystemClock()
        self.service = ServiceClock(self.clock)
        self._pid = 0
        self._was_served = False
        self._client: Any = None
        self._transport: Transport | None = None
        self.is_emulated = False
        #: Where bodies are that no message can hold; None without a bucket.
        self.claims: Claims | None = None

    def open(self) -> None:
        """Make the client; asks nobody. Raises ConfigurationError."""
        place = self.location
        client, bundle = make_client(place)
        url = str(client.meta.endpoint_url)
        if not place.region or not place.endpoint:
            self.location = _found(place, str(client.meta.region_name))
        proxy = get_environ_proxies(url).get(url.partition(":")[0])
        transport = Transport(
            ca=bundle, proxy=proxy, heard=self.service.heard, now=self.clock.monotonic
        )
        client.meta.events.register("before-send.sqs", transport.send)
        if place.bucket:
            self.claims = Claims(self.location, self.clock.monotonic)
        self._client, self._transport, self._pid = client, transport, os.getpid()
        self.is_emulated = not _is_amazon(url)

    def close(self) -> None:
        """Cut every call; idempotent."""
        was_open, self._pid = self._pid == os.getpid(), 0
        # Closed already for those whose calls are cut now.
        if was_open and self._transport is not None:
            self._transport.close()
            self._client.close()
            if self.claims is not None:
                self.claims.close()

    @property
    def is_open(self) -> bool:
        return self._pid == os.getpid()

    def check_open(self) -> None:
        """Raise Misuse before `open()`, after `close()`, and in a forked child."""
        if self._pid != os.getpid():
            was = "was opened in another process" if self._pid else "is not open"
            raise Misuse(
                f"{self.location.shown} {was}; call open() first, and nothing after close()"
            )

    @property
    def whole(self) -> int:
        """For how many seconds a request has to wait that is to ask every server, and not a few of
        them (AWS, "Amazon SQS short and long polling").
        """
        return 0 if self.is_emulated else 1

    def call(
        self, operation: str, *, deadline: float | None = None, group: object = None, **params: Any
    ) -> dict[str, Any]:
        """The reply to one request, by `deadline` on the monotonic clock.

        What is refused for the moment is asked again until then. Raises NoQueue, Refused and
        BackendUnavailable, of which nothing was done, Uncertain if nobody can know,
        ConfigurationError for a caller whom the service does not serve, Misuse once it is closed.
        """
        self.check_open()
        deadline = time.monotonic() + COMMAND if deadline is None else deadline
        pause = _SOONEST
        while True:
            try:
                reply = self._ask(operation, deadline, group, params)
            except Refused as error:
                pause = min(2 * pause, _LATEST)
                nap = pause * random.uniform(0.5, 1.0)
                if error.code not in PASSING or time.monotonic() + nap >= deadline:
                    raise
                time.sleep(nap)
            else:
                self._was_served = True
                return reply

    def cut(self, group: object) -> None:
        """End the calls of a group, as if the connection had broken."""
        if self.is_open and self._transport is not None:
            self._transport.cut(group)

    def _ask(
        self, operation: str, deadline: float, group: object, params: Mapping[str, Any]
    ) -> dict[str, Any]:
        transport = self._transport
        if transport is None:
            raise Misuse(f"{self.location.shown} is not open; call open() first")
        try:
            with transport.within(deadline, group=group):
                reply: dict[str, Any] = getattr(self._client, _SNAKE[operation])(**params)
        except Broken as error:
            self.check_open()
            raise self._broken(operation, error) from error
        except botocore.exceptions.ClientError as error:
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400)
            code = code_of(error.response.get("Error", {}))
            raise self._by_now(refusal(self.location, operation, code, status)) from error
        except botocore.exceptions.BotoCoreError as error:
            if type(error).__name__ == "ResponseParserError":
                raise Uncertain(f"{self.location.shown} answered {operation} with noise") from error
            raise self._by_now(undriven(self.location, error)) from error
        return reply

    def _broken(self, operation: str, error: Broken) -> BackendUnavailable:
        # What only looks has no effect that could be in doubt.
        changes = not operation.startswith(("Get", "List", "Receive"))
        kind = Uncertain if error.sent and changes else BackendUnavailable
        return kind(f"{self.location.shown} {error.why} ({operation})")

    def _by_now(self, error: Exception) -> Exception:
        """Who was served before is served again, once the operator has mended what they changed."""
        if isinstance(error, Unfit) and self._was_served:
            return BackendUnavailable(str(error))
        return error


_SNAKE = {
    "ChangeMessageVisibilityBatch": "change_message_visibility_batch",
    "CreateQueue": "create_queue",
    "DeleteMessageBatch": "delete_message_batch",
    "GetQueueAttributes": "get_queue_attributes",
    "GetQueueUrl": "get_queue_url",
    "ListQueueTags": "list_queue_tags",
    "ListQueues": "list_queues",
    "ReceiveMessage": "receive_message",
    "SendMessageBatch": "send_message_batch",
    "TagQueue": "tag_queue",
    "UntagQueue": "untag_queue",
}


def _found(place: Location, region: str) -> Location:
    """The location with the region that AWS's configuration names."""
    import msgspec

    return msgspec.structs.replace(place, region=region)


def _is_amazon(url: str) -> bool:
    host = url.partition("://")[2].partition("/")[0].partition(":")[0]
    return host.endswith((".amazonaws.com", ".amazonaws.com.cn", ".api.aws"))
