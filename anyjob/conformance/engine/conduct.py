"""How a backend behaves beside what it answers: it prints nothing, forks nothing and leaves nothing
behind.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager
from types import FrameType
from typing import NamedTuple

import pytest

from anyjob.conformance.residue import open_files, threads_now
from anyjob.conformance.stage import SLACK, eventually

#: The property of a backend that each kind of misconduct breaks; a store breaks STO-4 by all.
PRINTS, FORKS, LEAVES, CHANGES = "CAP-6", "CON-3", "LIF-1", "CAP-5"
OF_A_STORE = "STO-4"


class Misconduct(NamedTuple):
    """What was seen beside a test, and the property that it breaks."""

    property_id: str
    what: str


class Watch(AbstractContextManager["Watch"]):
    """Looks at the process before a test and after it; in a `with` block around the test, a child
    that the test's backend forks ends at once.
    """

    def __init__(self) -> None:
        self._threads = threads_now()
        self._files = open_files()
        _forks.clear()
        _listen_for_forks()

    def __enter__(self) -> Watch:
        _watching.append(True)
        return self

    def __exit__(self, *_: object) -> None:
        _watching.clear()

    def seen(self, reports: Sequence[pytest.TestReport], *, stays: bool) -> list[Misconduct]:
        """What a test that passed did on the side. With `stays`, something of the suite's own may
        be left running and open.
        """
        places = ", ".join(dict.fromkeys(_forks))
        found = [Misconduct(FORKS, f"it forked, in {places}")] if places else []
        printed = reports[-1].capstdout + reports[-1].capstderr
        if printed:
            found.append(Misconduct(PRINTS, f"it printed {printed[:200]!r}"))
        if not stays:
            found += self._left()
        return found

    def _left(self) -> list[Misconduct]:
        def is_clean() -> bool:
            return threads_now() <= self._threads and open_files() <= self._files

        if eventually(is_clean, SLACK):
            return []
        threads = sorted(
            each.name for each in threading.enumerate() if each.ident not in self._threads
        )
        left = [*threads, *sorted(open_files() - self._files)]
        return [Misconduct(LEAVES, f"it left behind: {', '.join(left)}")]


#: Where somebody forked who is not of the suite, since the last look.
_forks: list[str] = []
_listening: list[bool] = []
#: Whether a test of a suite runs, in a process that may run others beside it.
_watching: list[bool] = []
#: Whether the fork that this thread is about to make is of somebody else.
_forking = threading.local()


def _listen_for_forks() -> None:
    # A hook of the interpreter's cannot be taken back, so there is one.
    if not _listening and hasattr(os, "register_at_fork"):
        _listening.append(True)
        os.register_at_fork(before=_about_to_fork, after_in_child=_end_a_strangers_child)


def _about_to_fork() -> None:
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - the documented way to look up
    while frame is not None and _is_of_python(frame):
        frame = frame.f_back
    _forking.of_a_stranger = frame is not None and not frame.f_globals.get(
        "__name__", ""
    ).startswith("anyjob.conformance.")
    if frame is not None and _forking.of_a_stranger:
        _forks.append(f"{frame.f_code.co_qualname}, line {frame.f_lineno}")


def _end_a_strangers_child() -> None:
    # It would go on with a test that is not its: a machine of many runs forks in each of them, and
    # each child would begin to look for the smallest failure, forking all the while.
    if _watching and _forking.of_a_stranger:
        os._exit(0)


def _is_of_python(frame: FrameType) -> bool:
    name = frame.f_globals.get("__name__", "").partition(".")[0]
    return name in sys.stdlib_module_names
