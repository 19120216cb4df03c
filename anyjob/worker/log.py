"""What a worker writes: one line an attempt, one line a cause and second."""

from __future__ import annotations

import json
import logging
import math
import threading
import time
from collections.abc import Callable
from typing import Any

from anyjob.core.attempt import Attempt
from anyjob.core.note import short
from anyjob.core.outcome import Failed, Outcome, Succeeded

LOGGER = logging.getLogger("anyjob.worker")


class Log:
    """Writes attempts and troubles. Any thread may call it."""

    def __init__(self, monotonic: Callable[[], float], backend: str = "") -> None:
        """`backend` is the name of the one of several that it is about."""
        self._monotonic = monotonic
        self._named = {"backend": backend} if backend else {}
        self._prefix = f"{backend}: " if backend else ""
        self._last: dict[str, float] = {}
        #: Guards the two below: outcomes that were dropped and not written yet.
        self._dropping = threading.Lock()
        self._dropped: list[tuple[Attempt, Outcome]] = []
        self._dropped_at = -math.inf

    def ended(self, level: int, text: str, **facts: Any) -> None:
        """Write one line of an attempt; `facts` are stable keys for programs."""
        LOGGER.log(level, text, extra={"facts": self._named | facts})

    def late(self, attempt: Attempt, outcome: Outcome) -> None:
        """An outcome that came after the attempt was judged."""
        LOGGER.warning(
            "%s %s ended after it was judged (%s); its outcome is dropped: %s",
            attempt.task.name,
            attempt.id,
            attempt.ending or "its outcome was decided",
            _shown(outcome),
            extra={"facts": {"event": "job.late", **facts_of(attempt)}},
        )

    def dropped(self, attempt: Attempt, outcome: Outcome) -> None:
        """An outcome whose lease is no longer ours. Of many at once the first has a line of its
        own, and the others share one a second, which `write_dropped` writes.
        """
        with self._dropping:
            self._dropped.append((attempt, outcome))
        self.write_dropped()

    def write_dropped(self, *, at_once: bool = False) -> None:
        """Write of the outcomes that were dropped, at most one line a second, or what is left."""
        if not self._dropped:
            return
        with self._dropping:
            now = self._monotonic()
            if not at_once and now - self._dropped_at < 1.0:
                return
            dropped, self._dropped, self._dropped_at = self._dropped, [], now
        if dropped:
            _write_dropped(dropped)

    def trouble(self, cause: str, text: str, *args: object, level: int = logging.WARNING) -> None:
        """Write a line, at most one a second for one cause."""
        now = self._monotonic()
        if now - self._last.get(cause, -10.0) >= 1.0:
            self._last[cause] = now
            facts = {"event": cause, **self._named}
            LOGGER.log(level, self._prefix + text, *args, extra={"facts": facts})


def _write_dropped(dropped: list[tuple[Attempt, Outcome]]) -> None:
    attempt, outcome = dropped[0]
    late = attempt.clock.monotonic() - attempt.lease_deadline
    facts = {"event": "lease.lost", "count": len(dropped), "late_s": round(max(0.0, late), 3)}
    extra = {"facts": facts | facts_of(attempt)}
    if len(dropped) == 1:
        LOGGER.warning(
            "lease on job %s was lost; another worker may be running it,"
            " so this outcome is dropped: %s",
            attempt.id,
            _shown(outcome),
            extra=extra,
        )
        return
    LOGGER.warning(
        "leases on %d more jobs were lost, such as job %s; other workers may be running them,"
        " so these outcomes are dropped",
        len(dropped),
        attempt.id,
        extra=extra,
    )


def facts_of(attempt: Attempt) -> dict[str, Any]:
    """Return the stable keys that name an attempt."""
    return {
        "job": attempt.id,
        "task": attempt.task.name,
        "queue": attempt.queue,
        "attempt": attempt.attempt,
    }


class TextFormatter(logging.Formatter):
    """One line a record, secrets masked by `redact`, control characters escaped."""

    def __init__(self, redact: Callable[[str], str]) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s")
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        return escaped(self._redact(super().format(record)))


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, message and the facts, secrets masked by `redact`."""

    def __init__(self, redact: Callable[[str], str]) -> None:
        super().__init__()
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
            + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": self._redact(record.getMessage()),
            **self._masked(getattr(record, "facts", {})),
        }
        if record.exc_info:
            line["traceback"] = self._redact(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=True)

    def _masked(self, value: Any) -> Any:
        """Mask the texts in a value, before JSON's quotes and numbers are around them."""
        match value:
            case dict():
                return {name: self._masked(inner) for name, inner in value.items()}
            case list() | tuple():
                return [self._masked(item) for item in value]
            case None | bool() | int() | float():
                return value
            case _:
                return self._redact(str(value))


def escaped(text: str) -> str:
    """Return `text` on one line per newline of a traceback, without other control characters."""
    return "".join(
        c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text
    )


def _shown(outcome: Outcome) -> str:
    if isinstance(outcome, Failed):
        return short(outcome.error)
    return "succeeded" if isinstance(outcome, Succeeded) else type(outcome).__name__.lower()
