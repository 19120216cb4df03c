"""How one test of the suite ended, in words that travel between processes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import msgspec

from anyjob.conformance.example import Layer


class Status(StrEnum):
    """What a test, or all tests of a property together, came to."""

    PASS = "PASS"  # noqa: S105 - no password
    FAIL = "FAIL"
    #: A known failure, still failing, not past its date.
    XFAIL = "XFAIL"
    #: Declared absent, called all the same, refused by name and without effect.
    ABSENT = "ABSENT"
    #: Green, but the situation it exists for never came.
    VACUOUS = "VACUOUS"
    #: What it takes was not there.
    UNTESTED = "UNTESTED"
    #: Nothing can be said: the host stalled, a call never returned, the server died by itself.
    UNKNOWN = "UNKNOWN"


#: The statuses that make a run fail.
BAD = frozenset({Status.FAIL, Status.VACUOUS, Status.UNKNOWN})

#: How tests write one: a status, a level in brackets, a remark behind a colon.
_WRITTEN = re.compile(r"(\w+)(?:\((.*?)\))?(?::\s*(.*))?", re.DOTALL)


class Outcome(msgspec.Struct, frozen=True, omit_defaults=True):
    """How one test ended. Times in seconds."""

    #: The harness's name, and "backend" or "store".
    suite: str
    part: str
    #: The test without its folder: "backend/test_lse_4_stale_burial[own]".
    test: str
    status: Status
    #: The properties that it shows, the first one mainly; those it found broken.
    properties: tuple[str, ...]
    broken: tuple[str, ...] = ()
    layer: Layer = "example"
    level: str = ""
    #: Why there is no verdict, or what there is to say beside one.
    reason: str = ""
    #: The hook that the harness would have to have.
    lacks: str = ""
    seconds: float = 0.0
    marks: tuple[str, ...] = ()
    evidence: Mapping[str, int | float | str] = {}
    #: What is wrong, in short; and whole, with the values that were compared.
    message: str = ""
    detail: str = ""
    #: The steps that break the property, the fewest that were found.
    sequence: tuple[str, ...] = ()
    #: What happened to the job in question, a line each.
    history: tuple[str, ...] = ()
    #: What every thread was doing when a call did not return.
    stacks: str = ""
    #: Whether it was seen beside what the test is about.
    beside: bool = False
    #: How pytest is told to run it again.
    node: str = ""
    #: What the opened object declares; told once by each process.
    capabilities: Mapping[str, Any] | None = None


def written(status: str) -> tuple[Status, str, str]:
    """Return status, level and remark of "PASS(none)", "ABSENT(verified): transaction", ...

    Raises ValueError for what no test may say of itself.
    """
    found = _WRITTEN.fullmatch(status)
    if found is None or found[1] not in (Status.PASS, Status.ABSENT):
        raise ValueError(f"expected PASS or ABSENT, perhaps with a level, got {status!r}")
    return Status(found[1]), found[2] or "", found[3] or ""
