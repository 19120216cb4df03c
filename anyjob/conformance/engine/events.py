"""What a process that runs tests tells the one that watches it, a JSON line each."""

from __future__ import annotations

import msgspec

from anyjob.conformance.engine.outcome import Outcome


class Collected(msgspec.Struct, frozen=True, tag=True):
    """The tests that are about to be run, in their order."""

    tests: tuple[str, ...]


class Began(msgspec.Struct, frozen=True, tag=True):
    """A test began."""

    test: str


class Happened(msgspec.Struct, frozen=True, tag=True):
    """A test ended so, or something was seen beside it."""

    outcome: Outcome


class Stuck(msgspec.Struct, frozen=True, tag=True):
    """The test that began last cannot be interrupted; what every thread is doing."""

    stacks: str


Event = Collected | Began | Happened | Stuck
