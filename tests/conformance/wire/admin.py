"""What an administrator may ask of a line-protocol server."""

from __future__ import annotations

import socket
from typing import Any
from urllib.parse import urlsplit

import msgspec

from anyjob.conformance import Site
from anyjob.core.store import Entry, Put
from tests.conformance.wire.protocol import line


def administer(site: Site, verb: str, argument: Any) -> None:
    """Ask for one thing and wait until it is done."""
    parts = urlsplit(str(site.url))
    with socket.create_connection((parts.hostname or "", parts.port or 0), 5.0) as wire:
        wire.sendall(line("", "admin", None) + line(verb, argument))
        assert wire.makefile("rb").readline() == line("ok", None)


class RawClient:
    """A client that knows the lines and nothing of this backend's."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def put(self, key: str, value: bytes) -> None:
        self._ask("put", [[Put(key, value)]])

    def get(self, key: str) -> bytes | None:
        [entry] = self._ask("get", [[key]])
        return None if entry is None else msgspec.convert(entry, Entry).value

    def _ask(self, verb: str, arguments: list[Any]) -> Any:
        parts = urlsplit(str(self._site.url))
        hello = line(f"{self._site.namespace}.raw", "store", None)
        with socket.create_connection((parts.hostname or "", parts.port or 0), 5.0) as wire:
            wire.sendall(hello + line(verb, arguments))
            word, result, _ = msgspec.json.decode(wire.makefile("rb").readline())
        assert word == "ok"
        return result
