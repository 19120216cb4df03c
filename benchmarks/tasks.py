"""The application that has the tasks under test."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from anyjob import App
from anyjob.core.task import Task
from benchmarks import bodies


def application(
    url: str | None = None, queues: Sequence[str] | None = None, *, namespace: str | None = None
) -> App:
    """An application with every task; without `url`, of ANYJOB_BACKEND."""
    app = App(url, queues=queues, namespace=namespace)
    app.task(bodies.noop)
    app.task(bodies.async_noop)
    app.task(bodies.lag)
    app.task(bodies.pause)
    app.task(bodies.async_pause)
    app.task(bodies.nap)
    return app


def task(app: App, name: str) -> Task[..., Any]:
    """One of the application's tasks."""
    found = app.tasks.find(name)
    if found is None:
        raise LookupError(name)
    return found
