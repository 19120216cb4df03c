"""What the files of a site hold, as one number: two deaths that leave the same files are one death.

A file that is mapped into memory changes without its times, and one that was written a moment ago
may be written again at the same time of its clock; such files are read again, others are not.
"""

from __future__ import annotations

import time
import zlib
from pathlib import Path

_MAPS = Path("/proc/self/maps")
#: Nanoseconds within which two writes may bear one time.
_TICK = 50_000_000

_Stamp = tuple[int, int, int]


class Fingerprints:
    """Of all files below a folder; of no use where the system does not tell what is mapped."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[str, tuple[_Stamp, int]] = {}
        #: Whether two equal numbers mean equal files.
        self.is_sound = _MAPS.exists()

    def take(self) -> int:
        """The number that stands for the files as they are now."""
        mapped = _MAPS.read_text("utf-8", "replace") if self.is_sound else ""
        whole = 0
        for path in sorted(self._folder.rglob("*")):
            try:
                whole = zlib.crc32(f"{path} {self._of(path, mapped)}".encode(), whole)
            except FileNotFoundError:  # it went away meanwhile
                continue
        return whole

    def _of(self, path: Path, mapped: str) -> int:
        found = path.lstat()
        if not path.is_file() or path.is_symlink():
            return found.st_mode
        name, stamp = str(path), (found.st_ino, found.st_size, found.st_mtime_ns)
        if name in self._known and self._known[name][0] == stamp and name not in mapped:
            return self._known[name][1]
        held = zlib.crc32(path.read_bytes(), found.st_ino)
        if time.time_ns() - found.st_mtime_ns > _TICK:
            self._known[name] = (stamp, held)
        return held
