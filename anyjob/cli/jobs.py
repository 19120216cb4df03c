"""`anyjob jobs`: look at jobs that are not over, and cancel waiting ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from anyjob.app import App
from anyjob.cli.clean import counted
from anyjob.cli.confirm import agreed
from anyjob.cli.failure import NotDone
from anyjob.cli.found import by_queue, jobs_named, pages, queues_named
from anyjob.cli.lookup import Where
from anyjob.cli.one_job import show_jobs
from anyjob.cli.options import of_app, of_destruction, of_listing, queue_option
from anyjob.cli.output import Column, Format, Listing, show
from anyjob.cli.session import Session
from anyjob.cli.shapes import JOB_COLUMNS, summary
from anyjob.cli.site import Site
from anyjob.core.backend import CancelResult
from anyjob.core.state import State
from anyjob.core.view import JobView

_LISTED = (State.LEASED, State.READY, State.SCHEDULED, State.DEAD)


@click.command()
@queue_option(help="Only jobs of these queues.", multiple=True)
@click.option(
    "--state",
    "states",
    type=click.Choice([state.value for state in _LISTED]),
    multiple=True,
    help="Only jobs in these states; all that are not dead unless given.",
)
@click.option(
    "--limit",
    metavar="N",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    help="At most so many of each queue and state.",
)
@of_listing
@of_app
def ls(
    *,
    queues: tuple[str, ...],
    states: tuple[str, ...],
    limit: int,
    where: Where,
    session: Session,
    format: Format | None,
) -> None:
    """List jobs, in the order in which they will be run."""
    chosen = [State(state) for state in states] or [s for s in _LISTED if s is not State.DEAD]
    with where.existing() as site:
        found = listed(site, queues, chosen, limit, session)
    items = [site.placed(summary(job)) for job in found]
    show(Listing("jobs", site.columns(JOB_COLUMNS), items, empty="no such jobs"), format, session)


def listed(
    site: Site, queues: Sequence[str], states: Sequence[State], limit: int, session: Session
) -> list[JobView]:
    """Browse queues and states, and say where there is more than `limit`."""
    found: list[JobView] = []
    for queue in queues_named(site, queues):
        for state in states:
            jobs = [job for page in pages(site, queue, state, limit + 1) for job in page]
            found += jobs[:limit]
            if len(jobs) > limit:
                session.say(
                    f"only the first {limit:,} {state} jobs of queue {queue!r}; --limit shows more"
                )
    return found


@click.command("show")
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@queue_option(help="The queue to look in; every one unless given.")
@of_listing
@of_app
def show_(
    *,
    ids: tuple[str, ...],
    queue: str | None,
    where: Where,
    session: Session,
    format: Format | None,
) -> None:
    """Show all that is known of jobs, also of those that ended not long ago."""
    with where.existing() as site:
        found = jobs_named(site, ids, queue)
    show_jobs("job", found, format, session, site)


@click.command()
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@queue_option(help="The queue to look in; every one unless given.")
@of_destruction
@of_listing
@of_app
def cancel(
    *,
    ids: tuple[str, ...],
    queue: str | None,
    yes: bool,
    dry_run: bool,
    where: Where,
    session: Session,
    format: Format | None,
) -> None:
    """End waiting jobs as cancelled. Running jobs go on; they and ended ones make exit code 1."""
    with where.existing() as site:
        found = jobs_named(site, ids, queue)
        what = f"cancel {counted(len(found), 'job')}"
        if not agreed(what, len(found), found, session, yes=yes, dry_run=dry_run):
            found = []
        items = [
            site.placed(item)
            for queue, named in by_queue(found).items()
            for item in _cancelled(site.of(queue), queue, named)
        ]
    columns = site.columns((Column("id"), Column("queue"), Column("result")))
    show(Listing("cancelled", columns, items, empty="nothing was cancelled"), format, session)
    left = [item for item in items if item["result"] != CancelResult.CANCELLED]
    if left:
        raise NotDone(
            f"{len(left)} of {len(items)} jobs were not cancelled: they run or are over; anyjob"
            f" jobs show {left[0]['id']}"
        )


def _cancelled(app: App, queue: str, ids: Sequence[str]) -> list[dict[str, Any]]:
    results = app.cancel(ids, queue)
    return [
        {"id": id, "queue": queue, "result": result.value}
        for id, result in zip(ids, results, strict=True)
    ]
