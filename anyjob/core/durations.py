"""What users write as a duration or an instant, turned into seconds.

What is accepted here is within the bounds of the wire format, so that what is enqueued can be read.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from anyjob.core.errors import InvalidOption, shown

#: What a user may write for a span of time: seconds or a timedelta.
Duration = int | float | timedelta

#: The longest span in seconds, 317 years.
MAX_SPAN = 1e10
#: The last instant in seconds since the epoch: the end of the year 9999.
MAX_INSTANT = 253_402_300_800.0


def seconds(value: object, what: str) -> float:
    """Return a duration in seconds, 0 to MAX_SPAN; raises InvalidOption."""
    number = value.total_seconds() if isinstance(value, timedelta) else value
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise InvalidOption(f"expected {what} to be seconds or a timedelta, got {shown(value)}")
    if not number >= 0:  # a NaN is neither
        raise InvalidOption(f"expected {what} to be 0 s or more, got {shown(value)}")
    if number > MAX_SPAN:
        raise InvalidOption(f"expected {what} to be {MAX_SPAN:g} s at most, got {shown(value)}")
    return float(number)


def positive_seconds(value: object, what: str) -> float:
    """Return a duration in seconds, more than 0; raises InvalidOption."""
    number = seconds(value, what)
    if number == 0:
        raise InvalidOption(f"expected {what} to be more than 0 s, got {shown(value)}")
    return number


def instant(value: object, what: str) -> datetime:
    """Return an aware datetime from 1970 to 9999; raises InvalidOption, for a naive one too."""
    if not isinstance(value, datetime):
        raise InvalidOption(f"expected {what} to be an aware datetime, got {shown(value)}")
    if value.tzinfo is None or value.utcoffset() is None:
        raise InvalidOption(
            f"expected {what} to be an aware datetime, got the naive {value!r}; add tzinfo=..., for"
            " example datetime.now(timezone.utc)"
        )
    if not 0 <= value.timestamp() <= MAX_INSTANT:
        raise InvalidOption(f"expected {what} to lie between 1970 and 9999, got {value!r}")
    return value
