"""`anyjob tasks`: what an application can do."""

from __future__ import annotations

from typing import Any

import click

from anyjob.cli.lookup import Where
from anyjob.cli.options import of_listing, of_tasks
from anyjob.cli.output import Column, Format, Listing, show
from anyjob.cli.session import Session
from anyjob.core.task import Task

_COLUMNS = (
    Column("name"),
    Column("queue"),
    Column("priority", "number"),
    Column("max_attempts", "number"),
    Column("timeout_s", "span", "timeout"),
    Column("is_async", "text", "async"),
    Column("aliases"),
)


@click.command()
@of_listing
@of_tasks
def ls(*, where: Where, session: Session, format: Format | None) -> None:
    """List the tasks of an application."""
    app = where.found()
    items = [_item(task) for task in sorted(app.tasks, key=lambda task: task.name)]
    show(Listing("tasks", _COLUMNS, items, empty="this app has no tasks"), format, session)


def _item(task: Task[..., Any]) -> dict[str, Any]:
    options = task.options
    return {
        "name": task.name,
        "aliases": list(task.aliases),
        "queue": options.queue,
        "priority": options.priority,
        "max_attempts": options.retry.max_attempts if options.retry else 1,
        "timeout_s": options.timeout,
        "is_async": task.is_async,
    }
