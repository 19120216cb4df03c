"""What a worker writes: one line an attempt, one line a cause and second."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from typing import Any

from anyjob.core.attempt import Attempt
from anyjob.core.note import short
from anyjob.core.outcome import Failed, Outcome, Succeeded

LOGGER = logging.getLogger("anyjob.worker")


class Log:
    """Writes attempts and troubles. Any thread may call it."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._last: dict[str, float] = {}

    def ended(self, level: int, text: str, **facts: Any) -> None:
        """Write one line of an attempt; `facts` are stable keys for programs."""
        LOGGER.log(level, text, extra={"facts": facts})

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
        """An outcome whose lease is no longer ours."""
        late = attempt.clock.monotonic() - attempt.lease_deadline
        LOGGER.warning(
            "lease on job %s was lost; another worker may be running it,"
            " so this outcome is dropped: %s",
            attempt.id,
            _shown(outcome),
            extra={
                "facts": {
                    "event": "lease.lost",
                    "late_s": round(max(0.0, late), 3),
                    **facts_of(attempt),
                }
            },
        )

    def trouble(self, cause: str, text: str, *args: object, level: int = logging.WARNING) -> None:
        """Write a line, at most one a second for one cause."""
        now = self._monotonic()
        if now - self._last.get(cause, -10.0) >= 1.0:
            self._last[cause] = now
            LOGGER.log(level, text, *args, extra={"facts": {"event": cause}})


def facts_of(attempt: Attempt) -> dict[str, Any]:
    """Return the stable keys that name an attempt."""
    return {
        "job": attempt.id,
        "task": attempt.task.name,
        "queue": attempt.queue,
        "attempt": attempt.attempt,
    }


class TextFormatter(logging.Formatter):
    """One line a record, control characters escaped."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        return escaped(super().format(record))


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, message and the facts."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
            + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "facts", {}),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=True)


def escaped(text: str) -> str:
    """Return `text` on one line per newline of a traceback, without other control characters."""
    return "".join(
        c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text
    )


def _shown(outcome: Outcome) -> str:
    if isinstance(outcome, Failed):
        return short(outcome.error)
    return "succeeded" if isinstance(outcome, Succeeded) else type(outcome).__name__.lower()
