"""What an attempt ends in, before it is judged."""

from __future__ import annotations

from typing import Any

import msgspec

from anyjob.core.control import Bury, Discard, Snooze


class Succeeded(msgspec.Struct, frozen=True, gc=False):
    """The task returned `result`."""

    result: Any = None


class Failed(msgspec.Struct, frozen=True):
    """The task, a middleware or a time limit raised `error`."""

    error: BaseException


class Snoozed(msgspec.Struct, frozen=True, gc=False):
    """The task asked to run later; no attempt is used."""

    delay: float


class Discarded(msgspec.Struct, frozen=True, gc=False):
    """The task asked to end for good."""

    reason: str


class Buried(msgspec.Struct, frozen=True):
    """To be buried whatever the retry policy says; `ran` if the task had begun."""

    reason: str
    error: BaseException | None = None
    ran: bool = True


class Released(msgspec.Struct, frozen=True, gc=False):
    """Back unrun or cut short by stopping; nothing counted."""

    delay: float = 0.0


class Expired(msgspec.Struct, frozen=True, gc=False):
    """Its time had passed before it began."""


class Cancelled(msgspec.Struct, frozen=True, gc=False):
    """It was cancelled on request before it began."""


Outcome = Succeeded | Failed | Snoozed | Discarded | Buried | Released | Expired | Cancelled

NOTHING = Succeeded(None)


def outcome_of(error: BaseException) -> Outcome:
    """Return what an exception means that left a task or a middleware."""
    match error:
        case Snooze():
            return Snoozed(error.delay)
        case Discard():
            return Discarded(error.reason)
        case Bury():
            return Buried(error.reason, error)
        case _:
            return Failed(error)
