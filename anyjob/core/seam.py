"""What every backend checks alike at the seam, before any effect."""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from anyjob.core.envelope import MAX_UNIQUE_KEY, PRIORITIES, Envelope, Unique
from anyjob.core.errors import InvalidOption, PayloadTooLarge, shown
from anyjob.core.names import checked_name
from anyjob.core.settlement import MAX_NOTE, Bury, Settlement
from anyjob.core.state import State

MAX_PAGE = 1000


def check_envelopes(
    jobs: Sequence[Envelope], *, max_batch: int, max_payload: int, known_queues: Collection[str]
) -> None:
    """Raise InvalidOption, ConfigurationError or PayloadTooLarge if a job cannot be stored.

    The names in `known_queues` are known to be legal and are not checked again.
    """
    if len(jobs) > max_batch:
        raise InvalidOption(
            f"expected at most {max_batch} jobs in one call, got {len(jobs)}; split them"
        )
    for job in jobs:
        if type(job.id) is not str or not job.id.isascii():
            check_text(job.id, "a job's id")
        body = job.body
        if type(body) is not bytes:
            raise InvalidOption(f"expected a body to be bytes, got {type(body).__name__}")
        if len(body) > max_payload:
            raise PayloadTooLarge(
                f"expected a job of at most {max_payload} bytes, got {len(body)};"
                " send a reference instead"
            )
        priority = job.priority
        if type(priority) is not int or not 0 <= priority < PRIORITIES:
            raise InvalidOption(
                f"expected priority to be an int from 0 to 9, got {shown(priority)}"
            )
        if job.due is not None:
            _check_due(job.due)
        if job.unique is not None:
            _check_unique(job.unique)
        if job.queue not in known_queues:
            checked_name(job.queue, "a queue's name")


def check_settlements(
    settlements: Sequence[Settlement], *, max_batch: int, max_payload: int
) -> None:
    """Raise PayloadTooLarge, InvalidOption or ConfigurationError if one cannot be buffered."""
    for settlement in settlements:
        note = settlement.note
        if note is not None and len(note) > MAX_NOTE:
            raise PayloadTooLarge(f"expected a note of at most {MAX_NOTE} bytes, got {len(note)}")
        outcome = settlement.outcome
        if outcome is not None and len(outcome) > max_payload:
            raise PayloadTooLarge(
                f"expected an outcome of at most {max_payload} bytes, got {len(outcome)}"
            )
        if settlement.keep:
            check_seconds(settlement.keep, "keep")
        if type(settlement) is Bury:
            check_text(settlement.reason, "a reason")
        # Of a retry or release; asked by name, because that takes a fifth of asking for the class.
        if (delay := getattr(settlement, "delay", None)) is not None:
            check_seconds(delay, "delay")
        if settlement.then:
            check_envelopes(
                settlement.then, max_batch=max_batch, max_payload=max_payload, known_queues=()
            )


def check_text(text: str, what: str) -> None:
    """Raise InvalidOption unless UTF-8 can write the text, which half a surrogate pair is not."""
    try:
        text.encode()
    except (AttributeError, UnicodeEncodeError) as error:
        raise InvalidOption(f"expected {what} to be text that UTF-8 can write") from error


def check_seconds(seconds: float, what: str, *, zero: bool = True) -> None:
    """Raise InvalidOption unless `seconds` is finite and not negative; without `zero`, not 0."""
    # No infinity and no whole number past every float lies within it, and a NaN within nothing.
    if (
        not isinstance(seconds, int | float)
        or not 0 <= seconds <= sys.float_info.max
        or not (seconds or zero)
    ):
        least = "0 or more" if zero else "more than 0"
        raise InvalidOption(f"expected {what} to be {least} seconds, got {shown(seconds)}")


def check_count(count: int, what: str, most: int) -> None:
    """Raise InvalidOption unless `count` is an int from 1 to `most`."""
    if type(count) is not int or not 1 <= count <= most:
        raise InvalidOption(f"expected {what} to be an int from 1 to {most}, got {shown(count)}")


def check_states(states: Collection[State], allowed: Collection[State], what: str) -> None:
    """Raise InvalidOption if one of `states` is not among those `what` can do."""
    for state in states:
        if state not in allowed:
            names = ", ".join(sorted(allowed))
            raise InvalidOption(f"expected {what} of {names}, got {str(state)!r}")


def _check_due(due: Any) -> None:
    if isinstance(due, datetime):
        if due.tzinfo is None:
            raise InvalidOption(f"expected due to be an aware datetime, got the naive {due!r}")
    else:
        check_seconds(due, "a delay")


def _check_unique(unique: Unique) -> None:
    try:
        size = len(unique.key.encode())
    except UnicodeEncodeError as error:
        raise InvalidOption("expected a unique key to be text that UTF-8 can write") from error
    if not 1 <= size <= MAX_UNIQUE_KEY:
        raise InvalidOption(
            f"expected a unique key of 1 to {MAX_UNIQUE_KEY} bytes as UTF-8, got {size}"
        )
    if unique.ttl is not None:
        check_seconds(unique.ttl, "the ttl of a unique key", zero=False)
