"""Which servers each run of the suite has started, on disk: a run that is killed ends nothing, and
the next one ends what is left of it, and nothing else.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import signal
import tempfile
from pathlib import Path

import msgspec

from anyjob.conformance.servers import facts
from anyjob.core.errors import ConfigurationError


class Entry(msgspec.Struct, frozen=True):
    """One server: the leader of its process group, and where its files are."""

    pid: int
    started: str
    token: str
    folder: str


class Registry:
    """The servers of this run, in a file named after its process."""

    def __init__(self, folder: Path | None = None) -> None:
        """`folder` is where the runs of one user meet."""
        self._folder = folder or Path(tempfile.gettempdir()) / f"anyjob-servers-{os.getuid()}"
        self._entries: dict[str, Entry] = {}
        self._process = 0

    def add(self, entry: Entry) -> None:
        """Remember a server; the first time, end what runs that are over have left."""
        if self._process != os.getpid():
            self._begin()
        self._entries[entry.token] = entry
        self._write()

    def remove(self, token: str) -> None:
        """Forget a server that was ended."""
        if self._entries.pop(token, None) is not None and self._process == os.getpid():
            self._write()

    def end_leftovers(self) -> list[Entry]:
        """End the servers of runs that are over, and remove their files; returns them."""
        left: list[Entry] = []
        for path in sorted(self._folder.glob("*.json")):
            pid, _, began = path.stem.partition("-")
            if facts.started(int(pid)) == _unquoted(began):
                continue
            with contextlib.suppress(OSError, msgspec.DecodeError):
                left += msgspec.json.decode(path.read_bytes(), type=list[Entry])
            path.unlink(missing_ok=True)
        for entry in left:
            end(entry)
        return left

    def _begin(self) -> None:
        # A forked child has none of its parent's servers.
        self._process, self._entries = os.getpid(), {}
        self._folder.mkdir(mode=0o700, exist_ok=True)
        if self._folder.stat().st_uid != os.getuid():
            raise ConfigurationError(f"the folder {str(self._folder)!r} belongs to somebody else")
        self.end_leftovers()
        atexit.register(self._end_all, os.getpid())

    def _end_all(self, process: int) -> None:
        if process == os.getpid():
            for entry in list(self._entries.values()):
                end(entry)
                self.remove(entry.token)

    def _write(self) -> None:
        pid = os.getpid()
        path = self._folder / f"{pid}-{_quoted(facts.started(pid) or '')}.json"
        if not self._entries:
            path.unlink(missing_ok=True)
            return
        draft = path.with_suffix(".draft")
        draft.write_bytes(msgspec.json.encode(list(self._entries.values())))
        draft.replace(path)


def end(entry: Entry) -> None:
    """Kill a server, its process group and whatever it started, and remove its files."""
    if facts.started(entry.pid) == entry.started:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(entry.pid, signal.SIGKILL)
    for pid in facts.carriers(entry.token):  # what left the group
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
    shutil.rmtree(entry.folder, ignore_errors=True)


def _quoted(began: str) -> str:
    """Fit for the name of a file, also where the system tells a date."""
    return began.replace(" ", "_").replace(":", "~")


def _unquoted(began: str) -> str:
    return began.replace("_", " ").replace("~", ":")


#: Of this process.
registry = Registry()
