"""Where a process may die: each call that reaches outside of it, found while it runs.

Only a process that ends at once shows what a crash leaves. So a forked child watches itself with a
profile hook, counts the calls into C that change files, use sockets or run statements (PEP 249) and
the failpoints that it passes, and kills itself before or after the chosen one. Which calls those
are is told by their names and by what they belong to; the hook knows no backend.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Collection
from types import FrameType
from typing import Any, Literal

import msgspec

from anyjob.core.failpoints import reach

Side = Literal["before", "after"]

_FILES = frozenset(
    """open write writev pwrite pwritev truncate ftruncate fsync fdatasync sendfile copy_file_range
    posix_fallocate rename replace link symlink unlink remove mkdir rmdir chmod""".split()  # noqa: SIM905 - read as words
)
_STREAMS = frozenset(["open", "write", "writelines", "truncate", "flush", "close"])
_SOCKETS = frozenset(
    """connect connect_ex send sendall sendto sendmsg recv recv_into recvfrom recvmsg read
    write""".split()  # noqa: SIM905
)
_STATEMENTS = frozenset(
    ["execute", "executemany", "executescript", "callproc", "commit", "rollback"]
)
_NAMES = _FILES | _STREAMS | _SOCKETS | _STATEMENTS
#: By the module that a function, or a method's type, is of: what it reaches, and by which names.
_FUNCTIONS = {"posix": _FILES, "nt": _FILES, "_io": _STREAMS, "io": _STREAMS}
_METHODS = {
    "_io": ("file", _STREAMS),
    "mmap": ("file", _STREAMS),
    "_socket": ("wire", _SOCKETS),
    "_ssl": ("wire", _SOCKETS),
}
_INSIDE = frozenset(["BytesIO", "StringIO"])


class Point(msgspec.Struct, frozen=True):
    """Where a run ends: before or after its k-th request; k of 0 is before the first call."""

    k: int
    side: Side = "before"
    #: On a wire: how many bytes of the request, or of its answer, still pass.
    let: int = 0

    def __str__(self) -> str:
        inside = f", {self.let} bytes of it sent" if self.let else ""
        return f"{self.side} request {self.k}{inside}" if self.k else "before the first request"


def kind_of(call: Any) -> str | None:
    """What a call into C does outside the process, as "file rename"; None if nothing."""
    name = call.__name__
    if name not in _NAMES:
        return None
    owner = getattr(call, "__self__", None)
    if isinstance(owner, type(sys)):
        return f"file {name}" if name in _FUNCTIONS.get(owner.__name__, ()) else None
    if owner is None:
        return None
    if name in _STATEMENTS:
        return f"statement {name}"
    bases = [base for base in type(owner).__mro__ if base.__module__ in _METHODS]
    if not bases or bases[0].__name__ in _INSIDE:
        return None
    reaches, names = _METHODS[bases[0].__module__]
    return f"{reaches} {name}" if name in names else None


class Watch:
    """Counts the requests of this process from `begin` on, and ends it at one of them.

    For a forked child alone: it never lets go of the hook.
    """

    def __init__(
        self,
        death: Point | None,
        report: Callable[[str], None],
        answered: Callable[[], None] = lambda: None,
        end: signal.Signals = signal.SIGKILL,
        asides: Collection[str] = (),
    ) -> None:
        """`report` is told of each request before it is made, `answered` after it. `end` is what
        the process does to itself at its point. What threads of the names in `asides` request is
        not counted.
        """
        self._asides = asides
        self._end = end
        self._death = death
        self._report = report
        self._answered = answered
        self._on = False
        self._count = 0
        self._guard = threading.Lock()
        #: The thread that is just telling of a request.
        self._telling = 0
        self._open: dict[int, int] = {}

    def install(self) -> None:
        """Watch each thread that begins from now on."""
        threading.setprofile(self._see)

    def begin(self) -> None:
        """From now on it counts, in this thread too."""
        if self._death is not None and self._death.k == 0:
            os.kill(os.getpid(), self._end)
        self._on = True
        sys.setprofile(self._see)

    def end(self) -> None:
        """What comes now is not counted."""
        self._on = False
        sys.setprofile(None)

    def _see(self, frame: FrameType, event: str, arg: Any) -> None:
        if not self._on or self._telling == threading.get_ident():
            return
        if event == "c_call":
            kind = kind_of(arg)
            if kind is not None and not self._is_aside():
                self._open[id(frame)] = self._request(kind)
        elif event in ("c_return", "c_exception"):
            if self._open and kind_of(arg) is not None and (number := self._open.pop(id(frame), 0)):
                self._answer(number)
        elif event == "call" and frame.f_code is reach.__code__ and not self._is_aside():
            self._answer(self._request(f"failpoint {frame.f_locals['name']}"))

    def _request(self, kind: str) -> int:
        with self._guard:
            self._count += 1
            number = self._count
            self._tell(lambda: self._report(kind))
        if self._death is not None and (self._death.k, self._death.side) == (number, "before"):
            os.kill(os.getpid(), self._end)
        return number

    def _answer(self, number: int) -> None:
        with self._guard:
            self._tell(self._answered)
        if self._death is not None and (self._death.k, self._death.side) == (number, "after"):
            os.kill(os.getpid(), self._end)

    def _is_aside(self) -> bool:
        return threading.current_thread().name in self._asides

    def _tell(self, step: Callable[[], None]) -> None:
        """What reports a request is itself a write, and not one of those that are looked for; those
        of other threads meanwhile are.
        """
        self._telling = threading.get_ident()
        step()
        self._telling = 0
