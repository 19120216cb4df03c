"""Queues and jobs that were named, looked up before anything is done to them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from anyjob.app import App
from anyjob.cli.failure import NotFound
from anyjob.core.errors import JobNotFound, UnsupportedCapability
from anyjob.core.names import suggestion
from anyjob.core.state import State
from anyjob.core.view import JobView

#: How many jobs one look takes.
PAGE = 500


def queues_named(app: App, names: Sequence[str]) -> list[str]:
    """Return these queues, all with none; raises NotFound for one that nobody knows."""
    known = app.queues()
    for name in names:
        if name not in known:
            raise NotFound(f"there is no queue {name!r}{suggestion(name, known)}")
    return list(dict.fromkeys(names)) or sorted(known)


def jobs_named(app: App, ids: Sequence[str], queue: str | None) -> list[JobView]:
    """Return these jobs, whichever of the queues they are in; raises JobNotFound."""
    queues = queues_named(app, [queue] if queue else [])
    return [_job(app, id, queues) for id in dict.fromkeys(ids)]


def _job(app: App, id: str, queues: Sequence[str]) -> JobView:
    for queue in queues:
        try:
            return app.show(id, queue)
        except JobNotFound:
            continue
    where = f"queue {queues[0]!r}" if len(queues) == 1 else "any queue"
    raise JobNotFound(
        f"there is no job {id!r} in {where}; anyjob jobs ls and anyjob dead ls show what is there"
    )


def pages(app: App, queue: str, state: State, most: int) -> Iterator[list[JobView]]:
    """Browse up to `most` jobs of one state, page by page; raises UnsupportedCapability."""
    capabilities = app.backend.capabilities
    if not capabilities.lists(state):
        raise UnsupportedCapability(
            "browse",
            f"{capabilities.product} cannot list {state} jobs: its capability 'browse'"
            f" is {capabilities.browse!r}; anyjob queues ls counts them, and anyjob"
            " jobs show shows those whose ids are known",
        )
    cursor = None
    while most > 0:
        page = app.browse(queue, state, cursor, min(PAGE, most))
        if page.jobs:
            yield page.jobs
        most -= len(page.jobs)
        cursor = page.cursor
        if cursor is None:
            return


def by_queue(jobs: Sequence[JobView]) -> dict[str, list[str]]:
    """Return the ids of jobs by their queue."""
    ids: dict[str, list[str]] = {}
    for job in jobs:
        ids.setdefault(job.queue, []).append(job.id)
    return ids


def first_jobs(app: App, queue: str, states: Sequence[State], most: int = 5) -> list[JobView]:
    """Return a few of the jobs in `states`, as far as the backend lists them."""
    found: list[JobView] = []
    for state in filter(app.backend.capabilities.lists, states):
        for page in pages(app, queue, state, most - len(found)):
            found += page
    return found
