"""The one grammar of names, so that no name can inject or collide on any backend."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

from anyjob.core.errors import ConfigurationError, shown

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,79}")
_TASK_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}")


def checked_name(name: str, what: str) -> str:
    """Return `name` if it is a legal queue or namespace name, 1 to 80 characters.

    Raises ConfigurationError; `what` says in the message whose name it is.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ConfigurationError(
            f"expected {what} to be 1 to 80 letters, digits, '_', '.' or '-', beginning with a"
            f" letter or digit, got {shown(name)}"
        )
    return name


def checked_task_name(name: str) -> str:
    """Return `name` if it is a legal task name, 1 to 200 characters; raises ConfigurationError."""
    if not isinstance(name, str) or not _TASK_NAME.fullmatch(name):
        raise ConfigurationError(
            "expected a task's name to be 1 to 200 letters, digits, '_', '.' or '-', beginning"
            f" with a letter, digit or '_', got {shown(name)}; pass name=..."
        )
    return name


def suggestion(wrong: str, known: Iterable[str]) -> str:
    """Return "; did you mean 'x'?" or, with nothing close, the known names."""
    known = sorted(known)
    # Comparing takes quadratic time, and no name of ours is longer.
    close = difflib.get_close_matches(wrong[:200], known, n=1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; known: {', '.join(known)}" if known else ""
