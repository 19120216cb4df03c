"""Listings: a table on a terminal, tab-separated values in a pipe, JSON on request."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec

from anyjob.cli.clean import away, clean, escaped, in_words, one_line
from anyjob.cli.session import Session

Format = Literal["table", "tsv", "json", "ndjson"]
FORMATS: tuple[Format, ...] = ("table", "tsv", "json", "ndjson")
#: The version of the JSON shapes.
SHAPES = 1


class Column(msgspec.Struct, frozen=True):
    """A column of table and tsv: the item's key, and what its value is."""

    key: str
    kind: Literal["text", "number", "time", "span"] = "text"
    title: str = ""


class Listing(msgspec.Struct, frozen=True):
    """What a verb found or did. Items have JSON values; times in them are text, as of `iso`."""

    kind: str
    columns: tuple[Column, ...]
    items: Sequence[Mapping[str, Any]]
    #: What stands beside the items in JSON.
    beside: Mapping[str, Any] = {}
    #: Said on a terminal instead of an empty table.
    empty: str = "nothing there"


def show(listing: Listing, format: Format | None, session: Session) -> None:
    """Write a listing to stdout, as asked or as fits where stdout goes."""
    chosen = format or ("table" if sys.stdout.isatty() else "tsv")
    match chosen:
        case "table":
            _show_table(listing, session)
        case "tsv":
            for item in listing.items:
                _write("\t".join(_tsv_cell(item.get(c.key), c) for c in listing.columns))
        case "json":
            whole = {"anyjob": SHAPES, "kind": listing.kind, "items": [*listing.items]}
            _write(_json(whole | dict(listing.beside), indent=2))
        case "ndjson":
            for item in listing.items:
                _write(_json(item))


def show_text(text: str) -> None:
    """Write a text of several lines to stdout, without its control characters."""
    _write(clean(text))


def _write(line: str) -> None:
    sys.stdout.write(line + "\n")


def _json(value: Any, indent: int = -1) -> str:
    return escaped(msgspec.json.format(msgspec.json.encode(value), indent=indent).decode())


def _tsv_cell(value: Any, column: Column) -> str:
    if value is None:
        return ""
    if column.kind == "span":
        return f"{value:.3f}"
    return _plain(value)


def _plain(value: Any) -> str:
    if isinstance(value, str):
        return one_line(value)
    if isinstance(value, list | tuple) and all(isinstance(part, str) for part in value):
        return one_line(",".join(value))
    return one_line(bytes(msgspec.json.encode(value)).decode("utf-8", "replace"))


def _show_table(listing: Listing, session: Session) -> None:
    if not listing.items:
        session.say(listing.empty)
        return
    from rich import box
    from rich.table import Table
    from rich.text import Text

    now = time.time()
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in listing.columns:
        table.add_column(
            column.title or column.key.replace("_", " "),
            justify="right" if column.kind in ("number", "span") else "left",
            overflow="fold",
            no_wrap=column.key == "id",
        )
    for item in listing.items:
        table.add_row(*(Text(_table_cell(item.get(c.key), c, now)) for c in listing.columns))
    session.console(sys.stdout).print(table)


def _table_cell(value: Any, column: Column, now: float) -> str:
    if value is None:
        return "-"
    if column.kind == "span":
        return in_words(value)
    if column.kind == "time":
        return f"{value} ({away(_epoch(value), now)})"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return _plain(value)


def _epoch(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
