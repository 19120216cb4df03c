"""The bare service: what of it the control probe uses, and the parts that use it."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import msgspec

from anyjob.conformance.history.part import Part

#: Of the harness.
HOOK = "raw_client"
MESSAGES = 200
_PAUSE = 0.02


class RawClient(Protocol):
    """What a harness's `raw_client(site)` returns: the service's own client, without a backend."""

    def put(self, message: bytes) -> None:
        """Store a message; returns once it is stored."""

    def take(self) -> bytes | None:
        """The next message, None if there is none now."""

    def done(self, message: bytes) -> None:
        """Acknowledge it."""


def probe_put(part: Part) -> None:
    """A part that puts, and leaves the list of what was surely stored."""
    client: RawClient = getattr(part.harness, HOOK)(part.site)
    stored = []
    for number in range(part.order.facts["messages"]):
        message = f"{part.name} {number}"
        client.put(message.encode())
        stored.append(message)
    _leave(part, stored)


def probe_take(part: Part) -> None:
    """A part that takes until it is told to finish."""
    client: RawClient = getattr(part.harness, HOOK)(part.site)
    taken = []
    while not part.hand.is_stopping:
        message = client.take()
        if message is None:
            part.hand.wait(_PAUSE)
            continue
        taken.append(message.decode("utf-8", "replace"))
        client.done(message)
    _leave(part, taken)


def _leave(part: Part, messages: list[str]) -> None:
    path = Path(part.order.history, f"{part.name}.json")
    path.write_bytes(msgspec.json.encode(messages))
