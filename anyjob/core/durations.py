"""What users write as a duration or an instant, turned into seconds."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

from anyjob.core.errors import InvalidOption

#: What a user may write for a span of time: seconds or a timedelta.
Duration = int | float | timedelta


def seconds(value: object, what: str) -> float:
    """Return a duration in seconds, 0 or more; raises InvalidOption."""
    number = value.total_seconds() if isinstance(value, timedelta) else value
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise InvalidOption(f"expected {what} to be seconds or a timedelta, got {value!r}")
    if not math.isfinite(number) or number < 0:
        raise InvalidOption(f"expected {what} to be 0 s or more, got {value!r}")
    return float(number)


def positive_seconds(value: object, what: str) -> float:
    """Return a duration in seconds, more than 0; raises InvalidOption."""
    number = seconds(value, what)
    if number == 0:
        raise InvalidOption(f"expected {what} to be more than 0 s, got {value!r}")
    return number


def instant(value: object, what: str) -> datetime:
    """Return an aware datetime; raises InvalidOption for anything else, a naive one included."""
    if not isinstance(value, datetime):
        raise InvalidOption(f"expected {what} to be an aware datetime, got {value!r}")
    if value.tzinfo is None or value.utcoffset() is None:
        raise InvalidOption(
            f"expected {what} to be an aware datetime, got the naive {value!r}; add tzinfo=..., for"
            " example datetime.now(timezone.utc)"
        )
    return value
