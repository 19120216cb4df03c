"""Room kept back for the time when the disk is full.

In WAL mode a full disk stops settlements as well as new jobs. A file of 8 MiB beside the database
is given up then, and what it held is enough for settlements, because each checkpoint lets them use
the same room again. While it is missing nobody enqueues, in any process: its presence is the flag.
"""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

SIZE = 8 * 1024 * 1024
#: Free space at which the ballast is taken back on board: itself, and as much again to work with.
_ENOUGH = 2 * SIZE
_RETRY_SECONDS = 1.0


class Ballast:
    """The ballast of one database; any thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._next_try = 0.0

    def is_aboard(self) -> bool:
        """Whether there is room for new jobs. Looks at the file, and once a second at the disk."""
        if self._is_whole():
            return True
        if time.monotonic() < self._next_try:
            return False
        return self.take_aboard()

    def take_aboard(self) -> bool:
        """Set the room aside, if the disk has enough of it."""
        self._next_try = time.monotonic() + _RETRY_SECONDS
        if self._is_whole():
            return True
        try:
            disk = os.statvfs(self._path.parent)
            if disk.f_bavail * disk.f_frsize < _ENOUGH:
                return False
            self._allocate()
        except OSError:
            self.give_up()
            return False
        return True

    def give_up(self) -> None:
        with contextlib.suppress(OSError):
            self._path.unlink()

    def _is_whole(self) -> bool:
        try:
            return os.stat(self._path).st_size >= SIZE  # noqa: PTH116 - Path.stat costs four times this
        except OSError:
            return False

    def _allocate(self) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(self._path, flags, 0o600)
        try:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(descriptor, 0, SIZE)
            else:
                os.pwrite(descriptor, bytes(SIZE), 0)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
