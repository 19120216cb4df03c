"""A fair turn at writing, between processes.

SQLite waits for its write lock by sleeping and trying again, so that of four busy processes one may
get almost nothing. Writers therefore take a `flock` beside the database first, whose waiters the
kernel wakes as soon as it is free. SQLite's own lock still decides; this one decides who asks.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import queue
import threading
import time
import weakref
from pathlib import Path

_FLAGS = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
_open_locks: weakref.WeakSet[FileLock] = weakref.WeakSet()


class FileLock:
    """One process's hand on the lock file; one thread at a time acquires and releases."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._own = os.open(path, _FLAGS, 0o600)
        self._held: int | None = None
        self._patient: _Patient | None = None
        _open_locks.add(self)

    def acquire(self, deadline: float) -> bool:
        """Take the lock, by `deadline` on `time.monotonic`; whether it was taken."""
        if _try(self._own):
            self._held = self._own
            return True
        if self._patient is None:
            self._patient = _Patient(self._path)
        if not self._patient.acquire(deadline):
            return False
        self._held = self._patient.descriptor
        return True

    def release(self) -> None:
        held, self._held = self._held, None
        if held is not None:
            fcntl.flock(held, fcntl.LOCK_UN)

    def close(self) -> None:
        """Let go. A thread that still waits for a frozen holder ends when that one does."""
        self.release()
        if self._patient is not None:
            self._patient.stop()
        os.close(self._own)
        _open_locks.discard(self)

    def forget(self) -> None:
        """In a forked child: the lock stays the parent's, and must not outlive it here."""
        descriptors = {self._own}
        if self._patient is not None:
            descriptors.add(self._patient.descriptor)
        for descriptor in descriptors:
            with contextlib.suppress(OSError):
                os.close(descriptor)


class _Patient:
    """A thread that waits for the lock, because waiting for a `flock` knows no deadline.

    It waits on a descriptor of its own: a turn that comes after everybody gave up waiting is given
    back without touching a lock that was taken meanwhile on the other one.
    """

    def __init__(self, path: Path) -> None:
        self.descriptor = os.open(path, _FLAGS, 0o600)
        self._turns: queue.SimpleQueue[_Turn | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._wait, name="anyjob-sqlite-lock", daemon=True)
        self._thread.start()

    def acquire(self, deadline: float) -> bool:
        turn = _Turn()
        self._turns.put(turn)
        return turn.came(deadline)

    def stop(self) -> None:
        self._turns.put(None)
        self._thread.join(timeout=1.0)

    def _wait(self) -> None:
        try:
            while (turn := self._turns.get()) is not None:
                if not turn.wanted:
                    continue
                fcntl.flock(self.descriptor, fcntl.LOCK_EX)
                if not turn.give():
                    fcntl.flock(self.descriptor, fcntl.LOCK_UN)
        finally:
            os.close(self.descriptor)


class _Turn:
    """One wish for the lock: given or withdrawn, never both."""

    def __init__(self) -> None:
        self.wanted = True
        self._guard = threading.Lock()
        self._given = threading.Event()

    def give(self) -> bool:
        with self._guard:
            if self.wanted:
                self._given.set()
            return self.wanted

    def came(self, deadline: float) -> bool:
        if self._given.wait(max(0.0, deadline - time.monotonic())):
            return True
        with self._guard:
            self.wanted = self._given.is_set()
            return self.wanted


def _try(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _forget_in_child() -> None:
    for lock in list(_open_locks):
        lock.forget()
    _open_locks.clear()


os.register_at_fork(after_in_child=_forget_in_child)
