"""Statements that take a whole lot of rows at once.

Python lets go of its interpreter lock at each step of a statement, and has to win it back from
threads that compute: 500 steps took 0.3 s beside one busy thread, where one step took 6 ms. So rows
go in as VALUES lists of a few fixed lengths, which the driver keeps compiled, numbers go in as one
JSON array, and rows come out as one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

import msgspec

_LENGTHS = (100, 10, 1)
_encode = msgspec.json.encode


class Lots:
    """A statement with `{rows}` in it, for any number of rows of `width` values each."""

    def __init__(self, statement: str, width: int) -> None:
        row = "(" + ",".join("?" * width) + ")"
        self._texts = [
            (length, statement.format(rows=",".join([row] * length))) for length in _LENGTHS
        ]

    def execute(
        self, connection: sqlite3.Connection, rows: Sequence[tuple[Any, ...]]
    ) -> Iterator[tuple[int, int, int]]:
        """Execute it for all rows, lot by lot; yields (start, end, rows changed) of each."""
        start, total = 0, len(rows)
        for length, text in self._texts:
            while total - start >= length:
                end = start + length
                values = tuple(chain.from_iterable(rows[start:end]))
                yield start, end, connection.execute(text, values).rowcount
                start = end

    def run(self, connection: sqlite3.Connection, rows: Sequence[tuple[Any, ...]]) -> int:
        """Execute it for all rows; returns how many were changed."""
        return sum(changed for _, _, changed in self.execute(connection, rows))


def array(values: Sequence[int] | Sequence[str]) -> str:
    """Numbers or texts as the argument of json_each()."""
    return _encode(values).decode()


def ids_array(ids: Sequence[str]) -> str:
    """Ids as the argument of json_each(). What no id looks like is left out, because JSON in SQLite
    ends a text at a NUL, and half a surrogate pair is no text at all.
    """
    return array([id for id in ids if id.isprintable()])


def one(connection: sqlite3.Connection, query: str, parameters: Any = ()) -> Any:
    """The first column of the only row."""
    return connection.execute(query, parameters).fetchone()[0]
