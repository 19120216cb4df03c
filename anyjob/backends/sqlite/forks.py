"""No connection lives through a fork.

SQLite knows its locks by process (sqlite.org/howtocorrupt.html, 2.6). A child that inherits an open
connection takes the parent's locks for its own, also those of a connection that it opens itself: it
finds the file locked for ever, or reads what nothing protects. So whoever forks first waits until
nobody is inside SQLite, and closes all connections; the parent opens them again when it needs them.
"""

from __future__ import annotations

import os
import threading
import weakref
from typing import Protocol


class Resting(Protocol):
    """What can close its connections for a while."""

    def rest(self) -> bool:
        """Close them, and let nobody open them until `go_on`; False if that did not come to be."""

    def go_on(self) -> None:
        """Let them be opened again."""


class _Fork:
    """What a fork of this process has to do with. One at a time: two never wait for each other."""

    def __init__(self) -> None:
        self.forking = threading.Lock()
        self.all: dict[int, weakref.ref[Resting]] = {}
        self.resting: list[Resting] = []

    def before(self) -> None:
        self.forking.acquire()
        alive = [one for reference in list(self.all.values()) if (one := reference()) is not None]
        self.resting.extend(one for one in alive if one.rest())

    def after_in_parent(self) -> None:
        for one in self.resting:
            one.go_on()
        self.resting.clear()
        self.forking.release()

    def after_in_child(self) -> None:
        # What rested belongs to the parent and is refused here. Its locks may be held by threads
        # that are not here any more, so none is touched.
        self.resting.clear()
        self.forking = threading.Lock()


_fork = _Fork()


def rest_at_fork(one: Resting) -> None:
    """Let `one` rest whenever this process forks, as long as it lives."""
    key = id(one)
    _fork.all[key] = weakref.ref(one, lambda _: _fork.all.pop(key, None))


os.register_at_fork(
    before=_fork.before, after_in_parent=_fork.after_in_parent, after_in_child=_fork.after_in_child
)
