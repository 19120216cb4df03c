"""Old histories, judged with the checker of this release."""

from __future__ import annotations

from pathlib import Path

from anyjob.conformance.engine.known import WrongUse
from anyjob.conformance.history import check, load
from anyjob.core.errors import ConfigurationError


def judged(path: Path) -> tuple[bool, str]:
    """Whether a recorded history holds, and what there is to say of it.

    Raises WrongUse for a file that is damaged, or was not drained.
    """
    try:
        verdict = check(load(path))
    except ConfigurationError as error:
        raise WrongUse(str(error)) from error
    return verdict.holds, str(verdict)
