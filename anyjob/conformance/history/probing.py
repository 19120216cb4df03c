"""The bare service: the part that stores there, and where it leaves what it stored."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from anyjob.conformance.history.part import Part

MESSAGES = 200


def probe_put(part: Part) -> None:
    """A part that stores values, and leaves the list of the keys of those that were taken."""
    client: Any = part.harness.raw_client(part.site)
    stored = []
    for number in range(part.order.facts["messages"]):
        key = f"{part.name} {number}"
        client.put(key, value_of(key))
        stored.append(key)
    path = Path(part.order.history, f"{part.name}.json")
    path.write_bytes(msgspec.json.encode(stored))


def value_of(key: str) -> bytes:
    """What is stored under a key."""
    return key.encode()
