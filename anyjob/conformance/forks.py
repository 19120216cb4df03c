"""A forked child that uses what its parent opened."""

from __future__ import annotations

import os
import signal
import warnings
from collections.abc import Callable

import pytest

from anyjob.core.errors import Misuse

#: What the child says by its exit code.
REOPENED, RAISED, BROKE = 0, 10, 20


def in_child(use: Callable[[], object]) -> int:
    """Fork, call `use` in the child, and return how that ended; fails if the child hung."""
    if not hasattr(os, "fork"):
        pytest.skip("UNTESTED: this system has no fork")
    with warnings.catch_warnings():
        # Python 3.12 warns of a fork beside threads; whether that is survived is the question here.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if not child:
        _use_and_exit(use)
    _, status = os.waitpid(child, 0)
    assert os.WIFEXITED(status), "the child hung, or was killed"
    return os.WEXITSTATUS(status)


def _use_and_exit(use: Callable[[], object]) -> None:
    signal.alarm(10)
    code = BROKE
    try:
        use()
        code = REOPENED
    except Misuse:
        code = RAISED
    finally:
        # Past every handler and every exit hook of the parent's.
        os._exit(code)
