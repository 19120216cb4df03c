"""Queues and jobs that were named, looked up before anything is done to them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from anyjob.app import App
from anyjob.cli.failure import NotFound
from anyjob.cli.site import Site
from anyjob.core.errors import JobNotFound, UnsupportedCapability
from anyjob.core.names import suggestion
from anyjob.core.state import State
from anyjob.core.view import JobView

#: How many jobs one look takes.
PAGE = 500


def queues_named(site: Site, names: Sequence[str]) -> list[str]:
    """Return these queues, all with none; raises NotFound for one that nobody knows."""
    for name in names:
        if not site.knows(name):
            raise NotFound(f"there is no queue {name!r}{suggestion(name, site.queues())}")
    return list(dict.fromkeys(names)) or sorted(site.queues())


def refuse_unknown(app: App, names: Sequence[str]) -> None:
    """Raise NotFound for a queue that nobody knows; asks no backend if there are several, for one
    may be away.
    """
    for name in names:
        known = app.known_queues()
        if name not in known and not app.backends:
            known = app.queues()
        if name not in known:
            raise NotFound(f"there is no queue {name!r}{suggestion(name, known)}")


def jobs_named(site: Site, ids: Sequence[str], queue: str | None) -> list[JobView]:
    """Return these jobs, whichever of the queues they are in; raises JobNotFound."""
    queues = queues_named(site, [queue] if queue else [])
    return [_job(site, id, queues) for id in dict.fromkeys(ids)]


def _job(site: Site, id: str, queues: Sequence[str]) -> JobView:
    for queue in queues:
        try:
            return site.of(queue).show(id, queue)
        except JobNotFound:
            continue
    where = f"queue {queues[0]!r}" if len(queues) == 1 else "any queue"
    raise JobNotFound(
        f"there is no job {id!r} in {where}; anyjob jobs ls and anyjob dead ls show what is there"
    )


def pages(site: Site, queue: str, state: State, most: int) -> Iterator[list[JobView]]:
    """Browse up to `most` jobs of one state, page by page; raises UnsupportedCapability."""
    app = site.of(queue)
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


def first_jobs(site: Site, queue: str, states: Sequence[State], most: int = 5) -> list[JobView]:
    """Return a few of the jobs in `states`, as far as the backend lists them."""
    found: list[JobView] = []
    for state in filter(site.of(queue).backend.capabilities.lists, states):
        for page in pages(site, queue, state, most - len(found)):
            found += page
    return found
