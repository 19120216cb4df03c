"""Old histories, judged with the checker of this release."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import msgspec

from anyjob.conformance.engine.known import WrongUse


def judged(path: Path) -> list[str]:
    """What is wrong with a recorded history, a line for each violation.

    Raises WrongUse for a file that is damaged.
    """
    # Its reader and its rules are the suite's own, beside what records one.
    history = import_module("anyjob.conformance.history")
    try:
        events = history.read(path)
    except (msgspec.MsgspecError, ValueError, UnicodeDecodeError) as error:
        raise WrongUse(f"{path} is a damaged history: {error}; name a whole one") from error
    return [str(violation) for violation in history.check(events)]
