"""A bare sqlite3 loop of the very statements that the backend issues.

The backend runs once on a connection that writes down what it is asked, with every parameter and
every commit. The same calls are then made on a copy of the database as it was before: the same
statements in the same lots, prepared once by sqlite3's own cache, and nothing around them.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from anyjob.backends.sqlite.connection import connect_writer, use_log

Call = tuple[str, Any]
#: One list of calls for each connection that was made while recording.
Recording = list[list[Call]]


@contextmanager
def recording() -> Iterator[Recording]:
    """Write down what every connection made within the block is asked."""
    connections: Recording = []
    plain = sqlite3.connect

    class Recorder(sqlite3.Connection):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.calls: list[Call] = []
            connections.append(self.calls)

        def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
            self.calls.append((sql, parameters))
            return super().execute(sql, parameters)

        def executemany(self, sql: str, parameters: Any, /) -> sqlite3.Cursor:
            rows = list(parameters)
            self.calls.append((sql, _Many(rows)))
            return super().executemany(sql, rows)

        def cursor(self, *_: Any) -> Any:
            raise NotImplementedError("a cursor of its own would not be recorded")

    def connect(*args: Any, **kwargs: Any) -> sqlite3.Connection:
        return plain(*args, factory=Recorder, **kwargs)

    sqlite3.connect = connect  # type: ignore[assignment]
    try:
        yield connections
    finally:
        sqlite3.connect = plain


def replay(connections: Recording, database: Path) -> float:
    """Make the calls of the connection that wrote on `database`; returns the seconds it took."""
    calls = max(connections, key=_commits)
    connection = connect_writer(database)
    try:
        use_log(connection, "FULL")
        began = time.perf_counter()
        for sql, parameters in calls:
            if type(parameters) is _Many:
                connection.executemany(sql, parameters)
            else:
                connection.execute(sql, parameters).fetchall()
        return time.perf_counter() - began
    finally:
        connection.close()


def commits(connections: Recording) -> int:
    """How many transactions were committed."""
    return max(map(_commits, connections))


class _Many(list[Any]):
    """The rows of one `executemany`."""


def _commits(calls: list[Call]) -> int:
    return sum(sql == "COMMIT" for sql, _ in calls)
