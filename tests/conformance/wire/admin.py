"""What an administrator may ask of a line-protocol server."""

from __future__ import annotations

import socket
from typing import Any
from urllib.parse import urlsplit

from anyjob.conformance import Site
from tests.conformance.wire.protocol import line


def administer(site: Site, verb: str, argument: Any) -> None:
    """Ask for one thing and wait until it is done."""
    parts = urlsplit(str(site.url))
    with socket.create_connection((parts.hostname or "", parts.port or 0), 5.0) as wire:
        wire.sendall(line("", "admin", None) + line(verb, argument))
        assert wire.makefile("rb").readline() == line("ok", None)
