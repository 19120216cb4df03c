"""`anyjob dead`: look at dead letters, revive and discard them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import click

from anyjob.cli.clean import counted
from anyjob.cli.confirm import agreed
from anyjob.cli.failure import NotDone
from anyjob.cli.found import by_queue, first_jobs, jobs_named, pages, queues_named
from anyjob.cli.jobs import listed
from anyjob.cli.lookup import Where
from anyjob.cli.one_job import show_jobs
from anyjob.cli.options import of_app, of_destruction, of_listing, queue_option
from anyjob.cli.output import Column, Format, Listing, show
from anyjob.cli.progress import GO_ON, Progress
from anyjob.cli.session import Session
from anyjob.cli.shapes import DEAD_COLUMNS, summary
from anyjob.cli.site import Site
from anyjob.cli.values import changes_for
from anyjob.core.state import State
from anyjob.core.view import JobView

_DONE = (Column("queue"), Column("jobs", "number"))
#: Takes a queue and ids of dead jobs there, all with None; returns how many it did something to.
Deed = Callable[[str, Sequence[str] | None], int]


@click.command()
@queue_option(help="Only dead letters of these queues.", multiple=True)
@click.option(
    "--limit",
    metavar="N",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    help="At most so many of each queue.",
)
@of_listing
@of_app
def ls(
    *,
    queues: tuple[str, ...],
    limit: int,
    where: Where,
    session: Session,
    format: Format | None,
) -> None:
    """List dead letters, the oldest first."""
    with where.existing() as site:
        found = listed(site, queues, [State.DEAD], limit, session)
    items = [site.placed(summary(job)) for job in found]
    show(
        Listing("dead", site.columns(DEAD_COLUMNS), items, empty="no dead letters"), format, session
    )


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
    """Show all that is known of dead letters, with traceback and history."""
    with where.existing() as site:
        found = _dead_named(site, ids, queue)
    show_jobs("dead", found, format, session, site)


@click.command()
@click.argument("ids", metavar="[ID...]", nargs=-1)
@click.option("--all", "every", is_flag=True, help="All dead letters of the queues named by -q.")
@queue_option(help="The queues to look in; every one unless given.", multiple=True)
@click.option(
    "--edit",
    "edits",
    metavar="NAME=VALUE|JSON",
    multiple=True,
    help="Replace arguments of the named jobs, by one name=value or a JSON object.",
)
@of_destruction
@of_listing
@of_app
def revive(
    *,
    ids: tuple[str, ...],
    every: bool,
    queues: tuple[str, ...],
    edits: tuple[str, ...],
    yes: bool,
    dry_run: bool,
    where: Where,
    session: Session,
    format: Format | None,
) -> None:
    """Make dead letters ready again: both counters begin anew, the history stays.

    Jobs that are named by id are revived without a question.
    """
    if edits and every:
        raise click.UsageError("--edit goes with ids, not with --all; name the jobs")
    with where.existing() as site:
        asked = _Asked(site, ids, queues, every=every)
        changes = (
            {job.id: changes_for(site.of(job.queue), job, edits) for job in asked.jobs}
            if edits
            else None
        )
        if not asked.agreed("revive", session, yes=yes or bool(ids), dry_run=dry_run):
            show(Listing("revived", site.columns(_DONE), asked.none_done), format, session)
            return

        def deed(queue: str, ids: Sequence[str] | None) -> int:
            return site.of(queue).revive(queue, ids, edit=changes)

        items = asked.done(deed, "reviving", session)
    show(Listing("revived", site.columns(_DONE), items), format, session)
    asked.complain(items, "revived: another job holds their unique key, or they are dead no longer")


@click.command()
@click.argument("ids", metavar="[ID...]", nargs=-1)
@click.option("--all", "every", is_flag=True, help="All dead letters of the queues named by -q.")
@queue_option(help="The queues to look in; every one unless given.", multiple=True)
@of_destruction
@of_listing
@of_app
def discard(
    *,
    ids: tuple[str, ...],
    every: bool,
    queues: tuple[str, ...],
    yes: bool,
    dry_run: bool,
    where: Where,
    session: Session,
    format: Format | None,
) -> None:
    """Remove dead letters for good."""
    with where.existing() as site:
        asked = _Asked(site, ids, queues, every=every)
        if not asked.agreed("discard", session, yes=yes, dry_run=dry_run):
            show(Listing("discarded", site.columns(_DONE), asked.none_done), format, session)
            return

        def deed(queue: str, ids: Sequence[str] | None) -> int:
            return site.of(queue).discard(queue, ids)

        items = asked.done(deed, "discarding", session)
    show(Listing("discarded", site.columns(_DONE), items), format, session)
    asked.complain(items, "discarded: they are dead no longer")


class _Asked:
    """The dead letters a verb was asked to do something to: those named, or all of some queues."""

    def __init__(
        self, site: Site, ids: Sequence[str], queues: Sequence[str], *, every: bool
    ) -> None:
        if bool(ids) == every:
            raise click.UsageError("name the jobs by id, or say --all")
        self._site = site
        self._every = every
        if every:
            self._queues = queues_named(site, queues)
            self._counts = {queue: site.of(queue).counts(queue).dead for queue in self._queues}
            self.jobs = [j for q in self._queues for j in first_jobs(site, q, [State.DEAD])]
        else:
            self.jobs = _dead_named(site, ids, *_one(queues))
            self._counts = {q: len(named) for q, named in by_queue(self.jobs).items()}

    def agreed(self, verb: str, session: Session, *, yes: bool, dry_run: bool) -> bool:
        count = sum(self._counts.values())
        named = ", ".join(map(repr, sorted(q for q, n in self._counts.items() if n)))
        what = f"{verb} {counted(count, 'dead letter')}" + (f" of {named}" if named else "")
        return agreed(what, count, self.jobs, session, yes=yes, dry_run=dry_run)

    def done(self, deed: Deed, doing: str, session: Session) -> list[dict[str, Any]]:
        """Do it page by page; returns how many it was done to by queue."""
        done = dict.fromkeys(self._counts, 0)
        # Jobs named by id are no longer there to be named again.
        go_on = GO_ON if self._every else ""
        with Progress(doing, sum(self._counts.values()), session, go_on=go_on) as progress:
            for queue, ids in self._pages():
                count = deed(queue, ids)
                done[queue] += count
                progress.add(count)
        return [self._site.placed({"queue": q, "jobs": count}) for q, count in done.items()]

    @property
    def none_done(self) -> list[dict[str, Any]]:
        """The items of a verb that did nothing."""
        return [self._site.placed({"queue": queue, "jobs": 0}) for queue in self._counts]

    def complain(self, items: Sequence[dict[str, Any]], what: str) -> None:
        """Raise NotDone if named jobs were left out; with --all, others may be at them too."""
        done, asked = sum(item["jobs"] for item in items), sum(self._counts.values())
        if done < asked and not self._every:
            raise NotDone(f"{asked - done} of {asked} jobs were not {what}; anyjob dead ls")

    def _pages(self) -> Iterator[tuple[str, list[str] | None]]:
        if not self._every:
            yield from by_queue(self.jobs).items()
            return
        for queue, count in self._counts.items():
            if not self._site.of(queue).backend.capabilities.lists(State.DEAD):
                yield from [(queue, None)] if count else []
                continue
            # Not more than there were: a revived job may die again while we go on.
            for page in pages(self._site, queue, State.DEAD, count):
                yield queue, [job.id for job in page]


def _one(queues: Sequence[str]) -> tuple[str | None]:
    if len(queues) > 1:
        raise click.UsageError(
            "jobs named by id are looked for in one queue or in all; give -q once"
        )
    return (queues[0] if queues else None,)


def _dead_named(site: Site, ids: Sequence[str], queue: str | None) -> list[JobView]:
    found = jobs_named(site, ids, queue)
    for job in found:
        if job.state is not State.DEAD:
            raise NotDone(f"job {job.id!r} is not dead but {job.state}; anyjob jobs show {job.id}")
    return found
