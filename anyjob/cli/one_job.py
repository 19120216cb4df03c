"""One job, laid out to be read."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import msgspec

from anyjob.cli.clean import clean, one_line
from anyjob.cli.output import Column, Format, Listing, show
from anyjob.cli.session import Session
from anyjob.cli.shapes import everything
from anyjob.cli.site import Site
from anyjob.core.view import JobView

_FIELDS = (Column("field"), Column("value"))


def show_jobs(
    kind: str, jobs: Sequence[JobView], format: Format | None, session: Session, site: Site
) -> None:
    """Write all that is known of jobs: JSON as it is, else a field a line.

    In tsv a line break in a value is written as a backslash and an n.
    """
    items = [site.placed(everything(job)) for job in jobs]
    chosen = format or ("table" if sys.stdout.isatty() else "tsv")
    if chosen in ("json", "ndjson"):
        show(Listing(kind, (), items), chosen, session)
        return
    for place, item in enumerate(items):
        if place:
            show(Listing(kind, _FIELDS, [{"field": "", "value": ""}]), "tsv", session)
        if chosen == "table":
            _show_fields(item, session)
        else:
            rows = [{"field": name, "value": _on_one_line(text)} for name, text in _fields(item)]
            show(Listing(kind, _FIELDS, rows), "tsv", session)


def _fields(item: dict[str, Any]) -> list[tuple[str, str]]:
    """The fields that have a value, as text."""
    return [(name, text) for name, value in item.items() if (text := _text(name, value))]


def _text(name: str, value: Any) -> str:
    if name == "history":
        return "\n".join(map(_run, value))
    if value is None or value == {}:
        return ""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _run(run: dict[str, Any]) -> str:
    by = f" on {run['worker']}" if run["worker"] else ""
    error = f": {one_line(run['error'])}" if run["error"] else ""
    return f"{run['at']} attempt {run['attempt']} {run['ended']}{by}{error}"


def _on_one_line(text: str) -> str:
    return clean(text).rstrip("\n").replace("\t", " ").replace("\n", "\\n")


def _show_fields(item: dict[str, Any], session: Session) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, style="bold")
    table.add_column(overflow="fold")
    for name, text in _fields(item):
        table.add_row(name.replace("_", " "), Text(clean(text).rstrip("\n")))
    session.console(sys.stdout).print(table)
