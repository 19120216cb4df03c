"""One database file in use: its connections, its turn at writing, and whether it is still there."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from anyjob.backends.sqlite.ballast import Ballast
from anyjob.backends.sqlite.changes import Bell, Watch
from anyjob.backends.sqlite.clock import FileClock
from anyjob.backends.sqlite.errors import translated
from anyjob.backends.sqlite.files import Files, identity, take_place
from anyjob.backends.sqlite.forks import rest_at_fork
from anyjob.backends.sqlite.lock import FileLock
from anyjob.backends.sqlite.tickets import Ticket, Work
from anyjob.backends.sqlite.url import Location
from anyjob.backends.sqlite.writer import COMMAND_SECONDS, Writer, late
from anyjob.core.clock import Clock
from anyjob.core.errors import (
    AnyjobError,
    BackendFull,
    BackendUnavailable,
    ConfigurationError,
    Misuse,
)

Report = Callable[[str, Mapping[str, Any]], None]
Rows = list[tuple[Any, ...]]

_NEVER = -2
T = TypeVar("T")


class Database:
    """A database file in use by this process; any thread. The last of its users closes it."""

    def __init__(self, location: Location, clock: Clock | None) -> None:
        self.location = location
        self.clock = FileClock(clock)
        self.bell = Bell()
        #: Who is told of events.
        self.report: Report | None = None
        self._writer = Writer(self)
        self._users = 0
        self._process = 0
        self._is_closed = True
        self._guard = threading.Lock()
        self._reading = threading.Lock()
        self._events: list[tuple[str, dict[str, Any]]] = []
        self._files: Files | None = None
        self._turn: FileLock | None = None
        self._ballast: Ballast | None = None
        #: While a fork is under way: the turn that nobody else gets.
        self._resting: Ticket | None = None
        #: What was closed for a fork and not opened again.
        self._rested: Files | None = None
        rest_at_fork(self)

    # Beginning and ending

    def open(self) -> None:
        """Begin to use the file; raises ConfigurationError, BackendCorrupt, BackendUnavailable."""
        with self._guard:
            if self._process not in (0, os.getpid()):
                raise Misuse(_FORKED)
            if not self._users:
                self._begin()
            self._users += 1

    def close(self) -> None:
        """Stop using the file. The last user waits for a transaction that is under way, for 5 s at
        most; what takes longer lets go of the file at its end.
        """
        if self._process != os.getpid():
            return  # a forked child leaves the parent's connections alone
        with self._guard:
            if self._users > 1:
                self._users -= 1
                return
            self._users = 0
            self._is_closed = True
            self.bell.ring()
            with contextlib.suppress(BackendUnavailable):
                self._writer.run_alone(self._let_go)
            self._process = 0

    def check_open(self) -> None:
        """Raise Misuse before `open`, after `close` and in a forked child."""
        if self._process != os.getpid():
            raise Misuse(_FORKED if self._process else _CLOSED)
        if not self._users:
            raise Misuse(_CLOSED)

    @property
    def is_open(self) -> bool:
        return self._users > 0 and self._process == os.getpid()

    @property
    def path(self) -> Path:
        """The file itself, links followed."""
        return self.location.path if self._files is None else self._files.path

    @property
    def commits(self) -> int:
        return self._writer.commits

    # Using

    def write(self, work: Work, *, essential: bool = True, seconds: float = COMMAND_SECONDS) -> Any:
        """Run `work` in a transaction and return what it returns, once that is committed.

        What is not `essential` is refused on a full disk. Raises BackendUnavailable and BackendFull
        without effect, `writer.Uncertain` when nobody can know, and what `work` raises.
        """
        try:
            return self._writer.run(work, essential=essential, seconds=seconds)
        finally:
            self._tell()

    def read(self, sql: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> Rows:
        """All rows of a query, as of now."""
        rows: Rows = self.look(lambda connection: connection.execute(sql, parameters).fetchall())
        return rows

    def look(self, look: Callable[[sqlite3.Connection], T]) -> T:
        """What `look` finds on the reading connection."""
        while True:
            files = self._current()
            with self._reading:
                if files is self._files:
                    try:
                        return look(files.reader)
                    except sqlite3.Error as error:
                        raise translated(error, files.path) from error
                if self._is_closed:
                    raise Misuse(_CLOSED)
                if not files.has_rested:
                    raise BackendUnavailable(_moved(files.path))

    def queues(self) -> dict[tuple[str, str], int]:
        """The numbers of the queues known so far, by (namespace, name); asks nobody."""
        files = self._files
        return {} if files is None else files.queues

    def watch(self) -> Watch:
        return Watch(self.bell, self._version)

    def check_room(self) -> None:
        """Raise BackendFull while the room for new jobs is gone."""
        if self._has_room():
            return
        self._current()  # it may not be the disk that went
        if not self._has_room():
            raise BackendFull(
                f"the disk of the database {str(self.path)!r} is full; running jobs still settle;"
                " free some space"
            )

    def _has_room(self) -> bool:
        return self._ballast is None or self._ballast.is_aboard()

    def keep_house(self) -> None:
        """Take the ballast back on board when there is room."""
        if self._ballast is not None:
            self._ballast.is_aboard()

    def note(self, event: str, **facts: Any) -> None:
        """Keep an event until nothing is locked; `write` tells it."""
        self._events.append((event, facts))

    def _tell(self) -> None:
        while self._events and self.report is not None:
            name, facts = self._events.pop(0)
            self.report(name, facts)

    def _current(self) -> Files:
        while (files := self._files) is None or not files.is_there():
            if self._is_closed:
                break
            self.write(_nothing)  # and again, if a fork closed meanwhile what this has opened
        if files is None:
            raise Misuse(_CLOSED)
        return files

    def _version(self) -> int:
        with self._reading:
            if self._files is None:
                return _NEVER
            try:
                return int(self._files.reader.execute("PRAGMA data_version").fetchone()[0])
            except sqlite3.Error as error:
                raise translated(error, self._files.path) from error

    def _begin(self) -> None:
        self._process = os.getpid()
        self._is_closed = False
        try:
            self._writer.run_alone(self._open_all_or_nothing)
        except BaseException:
            self._is_closed = True
            raise

    def _open_all_or_nothing(self) -> None:
        try:
            self._open_files()
        except BaseException:
            self._let_go()
            raise

    def _open_files(self) -> None:
        """Open the file, and make its tables if it is new."""
        if not self.lock(time.monotonic() + COMMAND_SECONDS):
            raise late()
        try:
            self.writing()
        finally:
            self.unlock()

    def _let_go(self) -> None:
        """Close what is open; only for who writes or is alone.

        A connection that is closed while another thread is inside SQLite with it ends the process
        with a segmentation fault.
        """
        with self._reading:
            files, self._files = self._files, None
        if files is not None:
            files.close()
        if self._turn is not None:
            self._turn.close()
            self._turn = None

    # Around a fork

    def rest(self) -> bool:
        """Close the connections while nobody is at them, until `go_on`; False if somebody would
        not end in time, or where there is nothing to close.
        """
        if self._process not in (0, os.getpid()):
            return False
        try:
            turn = self._writer.stop()
        except BackendUnavailable:
            return False
        if not self._reading.acquire(timeout=COMMAND_SECONDS):
            self._writer.go_on(turn)
            return False
        self._resting = turn
        if self._files is not None:
            self._rested, self._files = self._files, None
            self._rested.has_rested = True
            self._rested.close()
        return True

    def go_on(self) -> None:
        """Let the connections be opened again, by whoever needs them first."""
        turn, self._resting = self._resting, None
        self._reading.release()
        if turn is not None:
            self._writer.go_on(turn)

    # What the writer stands on; its leader alone calls these

    def lock(self, deadline: float) -> bool:
        if self._is_closed:  # a call that was on its way when it was closed opens nothing again
            raise Misuse(_CLOSED)
        if self._files is None or self._turn is None:
            if self._turn is not None:
                self._turn.close()
                self._turn = None
            path = self._take_place()
            self._turn = FileLock(path.with_name(path.name + "-lock"))
            self._ballast = Ballast(path.with_name(path.name + "-ballast"))
        return self._turn.acquire(deadline)

    def _take_place(self) -> Path:
        try:
            return take_place(self.location)
        except ConfigurationError as error:
            if not self._users:
                raise
            # It was right when the file was opened: nobody's program is wrong, a disk went away.
            raise BackendUnavailable(str(error)) from error

    def unlock(self) -> None:
        if self._turn is not None:
            self._turn.release()
        if self._is_closed:  # perhaps by somebody who could not wait for this end
            self._let_go()

    def writing(self) -> sqlite3.Connection:
        if self._files is None:
            self._check_rested()
            self._files = Files(self.location, self.clock)
            if self._ballast is not None:
                self._ballast.take_aboard()
        elif not self._files.is_there():
            self._leave(self._files)
        return self._files.writer

    def translate(self, error: sqlite3.Error | sqlite3.Warning) -> AnyjobError:
        return translated(error, self.path)

    def ran_full(self) -> None:
        if self._ballast is not None:
            self._ballast.give_up()
        if self._files is not None:
            with contextlib.suppress(sqlite3.Error):
                # A log that is copied to the end begins again in the room that it has.
                self._files.writer.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()

    def committed(self) -> None:
        self.bell.ring()

    def _check_rested(self) -> None:
        rested, self._rested = self._rested, None
        if rested is not None and not self._is_closed and not rested.is_there():
            self._leave(rested)

    def _leave(self, files: Files) -> None:
        how = "deleted" if identity(files.path) is None else "replaced"
        with self._reading:
            self._files = None
            files.abandon()
        self.note("backend.replaced", path=str(files.path), how=how)
        raise BackendUnavailable(_moved(files.path))


def _nothing(_: sqlite3.Connection) -> None:
    """Write nothing: the way to the file is the purpose."""


def _moved(path: Path) -> str:
    return (
        f"the database {str(path)!r} was deleted or replaced while it was open, and nothing was"
        " done; what was in it is out of reach; the next call uses the file that is there then"
    )


_CLOSED = "this sqlite:// object is not open; call open() first, and nothing after close()"
_FORKED = (
    "this sqlite:// object was opened before a fork, and a forked child must not use its"
    " connections; open another one in the child"
)
