"""Text, times and ages made fit to be read; what comes from jobs may hold anything."""

from __future__ import annotations

import re
from datetime import UTC, datetime

# Control characters, and those that turn the direction of the text around them.
_HARMFUL = "\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff"
_CONTROL = re.compile(f"[{_HARMFUL}]")
# What a terminal would take as a command, as a whole: without its escape the rest is noise.
_SEQUENCE = re.compile(r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")
_SPACES = re.compile(r"[\t\n\u2028\u2029]+")


def clean(text: str) -> str:
    """Return `text` without control characters, line breaks and tabs kept."""
    return _CONTROL.sub("", _SEQUENCE.sub("", text))


def one_line(text: str) -> str:
    """Return `text` as one line without control characters."""
    return _SPACES.sub(" ", clean(text).strip())


def escaped(json: str) -> str:
    """Return JSON text with control characters written as its escapes, so that it stays exact."""
    return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", json)


def counted(count: int, noun: str) -> str:
    """Return "1 job", "2 jobs"."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def iso(at: float) -> str:
    """Return epoch seconds as ISO 8601 in UTC, to the millisecond."""
    text = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def in_words(seconds: float) -> str:
    """Return a span as a person says it: "3 min", "2 h 5 min"."""
    whole = int(seconds)
    days, hours, minutes = whole // 86400, whole // 3600 % 24, whole // 60 % 60
    if days:
        return f"{days} d {hours} h" if hours else f"{days} d"
    if hours:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{minutes} min" if minutes else f"{whole} s"


def away(at: float, now: float) -> str:
    """Return how far an instant is from now: "3 min ago", "in 2 h"."""
    return f"{in_words(now - at)} ago" if at <= now else f"in {in_words(at - now)}"
