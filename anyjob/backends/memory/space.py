"""Where the jobs of one or more connections live, and how an URL leads there."""

from __future__ import annotations

import os
import threading
from urllib.parse import urlsplit
from weakref import WeakSet, WeakValueDictionary

from anyjob.backends.memory.queue import Queue
from anyjob.backends.memory.shelf import Shelf
from anyjob.backends.memory.watch import MemoryWatch
from anyjob.core.clock import Clock, SystemClock
from anyjob.core.errors import ConfigurationError, Misuse
from anyjob.core.names import checked_name


class Space:
    """Queues and a shelf of state, shared by all who opened it.

    `lock` guards the queues; `arrived` tells that a job is ready or the next due time changed,
    `ended` that a job ended or went, and `watches` are told which. Nothing foreign but the clock
    is called while it is held. The shelf has a lock of its own.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.lock = threading.Lock()
        self.arrived = threading.Condition(self.lock)
        self.ended = threading.Condition(self.lock)
        self.watches: WeakSet[MemoryWatch] = WeakSet()
        self.queues: dict[str, Queue] = {}
        self.shelf = Shelf(clock)
        self._has_arrived = False
        self._has_ended = False
        # The system's wall clock may jump, so a wait for a due time is cut in seconds. A clock that
        # was handed in may be moved by hand, which nobody tells us.
        self.patience = 1.0 if isinstance(clock, SystemClock) else 0.005

    def queue(self, name: str) -> Queue:
        """The queue of that name, made if need be; raises ConfigurationError for no legal name."""
        queue = self.queues.get(name)
        if queue is None:
            checked_name(name, "a queue's name")
            queue = self.queues[name] = Queue(name, self._note_arrival, self._note_end)
        return queue

    def announce(self) -> None:
        """Wake whom the changes since the last call concern."""
        if self._has_arrived:
            self._has_arrived = False
            self.arrived.notify_all()
        if self._has_ended:
            self._has_ended = False
            self.ended.notify_all()

    def _note_arrival(self) -> None:
        self._has_arrived = True

    def _note_end(self, queue: str, id: str) -> None:
        self._has_ended = True
        for watch in self.watches:
            watch.note(queue, id)


class _Registry:
    """The named spaces of one process, alive as long as somebody holds them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._spaces: WeakValueDictionary[tuple[str, str], Space] = WeakValueDictionary()

    def space(self, namespace: str, name: str, clock: Clock | None) -> Space:
        with self._lock:
            space = self._spaces.get((namespace, name))
            if space is None:
                space = self._spaces[namespace, name] = Space(clock or SystemClock())
        if clock is not None and space.clock is not clock:
            raise ConfigurationError(
                f"memory://{name} counts time by {space.clock!r} already; open it with the same"
                " clock, or with none"
            )
        return space


#: By process, because a forked child would inherit the parent's jobs and a lock that nobody in it
#: may ever release.
_registries: dict[int, _Registry] = {}


class Place:
    """What a `memory://` URL names: a private space, or one shared by name and namespace."""

    def __init__(self, url: str, namespace: str, clock: Clock | None) -> None:
        self._name = _name_in(url)
        self._namespace = checked_name(namespace, "a namespace")
        self._clock = clock
        self._lock = threading.Lock()
        self._space: Space | None = None
        self._pid = 0

    def space(self) -> Space:
        """The space, made if nobody did yet. Raises Misuse in a child forked since."""
        with self._lock:
            if self._space is None:
                self._space = self._enter()
                self._pid = os.getpid()
        if self._pid != os.getpid():
            raise forked(repr(self))
        return self._space

    def _enter(self) -> Space:
        if not self._name:
            return Space(self._clock or SystemClock())
        registry = _registries.setdefault(os.getpid(), _Registry())
        return registry.space(self._namespace, self._name, self._clock)

    def __repr__(self) -> str:
        return f"memory://{self._name}"


def forked(what: str) -> Misuse:
    """The error for the use of something that was opened before a fork."""
    return Misuse(
        f"{what} was opened in the parent process, and its jobs stay there;"
        " open a fresh one after the fork"
    )


def _name_in(url: str) -> str:
    """The name of a shared space in `url`, "" for a private one.

    The error names the parts that are wrong and shows none: one of them may be a password.
    """
    parts = urlsplit(url)
    if parts.scheme != "memory":
        raise ConfigurationError(
            f"expected a URL that begins with 'memory://', got the scheme {parts.scheme!r}"
        )
    wrong = [
        what
        for what, there in (
            ("a user or password", "@" in parts.netloc),
            ("a port", ":" in parts.netloc.rpartition("@")[2]),
            ("a path", parts.path not in ("", "/")),
            ("an option", bool(parts.query)),
            ("a fragment", bool(parts.fragment)),
        )
        if there
    ]
    if wrong:
        raise ConfigurationError(
            f"memory:// takes no {' and no '.join(part.split(' ', 1)[1] for part in wrong)};"
            " did you mean 'memory://', or 'memory://NAME' for a space that connections share?"
        )
    return checked_name(parts.netloc, "the name of a memory space") if parts.netloc else ""
