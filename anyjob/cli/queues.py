"""`anyjob queues`: look at queues, pause, resume and purge them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from anyjob.app import App
from anyjob.cli.clean import counted
from anyjob.cli.confirm import agreed
from anyjob.cli.found import first_jobs, queues_named
from anyjob.cli.lookup import Where
from anyjob.cli.options import of_app, of_destruction, of_listing, queue_option
from anyjob.cli.output import Column, Format, Listing, show
from anyjob.cli.progress import GO_ON, Progress
from anyjob.cli.session import Session
from anyjob.core.state import State

_COLUMNS = (
    Column("queue"),
    Column("ready", "number"),
    Column("scheduled", "number"),
    Column("leased", "number"),
    Column("dead", "number"),
    Column("oldest_ready_s", "span", "oldest ready"),
    Column("paused"),
)
_PAUSED = (Column("queue"), Column("paused"))


@click.command()
@queue_option(help="Only these queues.", multiple=True)
@of_listing
@of_app
def ls(*, queues: tuple[str, ...], where: Where, session: Session, format: Format | None) -> None:
    """List queues and how many jobs wait in them.

    A backend that cannot pause queues shows none of them as paused or not.
    """
    with where.existing() as site:
        paused: dict[str, set[str] | None] = {}
        items = []
        for queue in queues_named(site, queues):
            app = site.of(queue)
            if app.on_backend not in paused:
                lacks = app.backend.capabilities.lacks("pause")
                paused[app.on_backend] = None if lacks else app.paused()
            items.append(site.placed(_item(app, queue, paused[app.on_backend])))
    show(Listing("queues", site.columns(_COLUMNS), items), format, session)


def _item(app: App, queue: str, paused: set[str] | None) -> dict[str, Any]:
    counts = app.counts(queue)
    age = counts.oldest_ready_age
    return {
        "queue": queue,
        "ready": counts.ready,
        "scheduled": counts.scheduled,
        "leased": counts.leased,
        "dead": counts.dead,
        "oldest_ready_s": None if age is None else round(age, 3),
        "paused": None if paused is None else queue in paused,
    }


@click.command()
@click.argument("names", metavar="QUEUE...", nargs=-1, required=True)
@of_listing
@of_app
def pause(*, names: tuple[str, ...], where: Where, session: Session, format: Format | None) -> None:
    """Stop deliveries of queues within 5 s, on every worker, until they are resumed.

    Running jobs go on, and jobs can still be enqueued.
    """
    with where.existing() as site:
        found = queues_named(site, names)
        for queue in found:
            site.of(queue).pause(queue)
    items = [site.placed({"queue": queue, "paused": True}) for queue in found]
    show(Listing("paused", site.columns(_PAUSED), items), format, session)


@click.command()
@click.argument("names", metavar="QUEUE...", nargs=-1, required=True)
@of_listing
@of_app
def resume(
    *, names: tuple[str, ...], where: Where, session: Session, format: Format | None
) -> None:
    """Let queues deliver again."""
    with where.existing() as site:
        found = queues_named(site, names)
        for queue in found:
            site.of(queue).resume(queue)
    items = [site.placed({"queue": queue, "paused": False}) for queue in found]
    show(Listing("resumed", site.columns(_PAUSED), items), format, session)


@click.command()
@click.argument("name", metavar="QUEUE")
@click.option(
    "--state",
    "states",
    type=click.Choice([State.READY.value, State.SCHEDULED.value]),
    multiple=True,
    help="Only jobs in this state; both unless given.",
)
@of_destruction
@of_listing
@of_app
def purge(
    *,
    name: str,
    states: tuple[str, ...],
    yes: bool,
    dry_run: bool,
    where: Where,
    session: Session,
    format: Format | None,
) -> None:
    """Remove the waiting jobs of a queue for good. Running and dead ones stay."""
    chosen = [State(state) for state in states] or [State.READY, State.SCHEDULED]
    with where.existing() as site:
        (queue,) = queues_named(site, [name])
        app = site.of(queue)
        count = _waiting(app, queue, chosen)
        what = f"purge {counted(count, 'waiting job')} of queue {queue!r}"
        first = first_jobs(site, queue, chosen)
        purged = 0
        if agreed(what, count, first, session, yes=yes, dry_run=dry_run):
            purged = _purged(app, queue, chosen, count, session)
    items = [site.placed({"queue": queue, "jobs": purged})]
    columns = site.columns((Column("queue"), Column("jobs", "number")))
    show(Listing("purged", columns, items), format, session)


def _waiting(app: App, queue: str, states: Sequence[State]) -> int:
    counts = app.counts(queue)
    # What a backend cannot count it cannot purge, and says so.
    return sum(getattr(counts, state.value) or 0 for state in states)


def _purged(app: App, queue: str, states: Sequence[State], count: int, session: Session) -> int:
    # One call, of which a backend may have done a part when it is interrupted; what has gone is
    # told from what is left.
    with Progress(
        f"purging {queue!r}",
        count,
        session,
        look=lambda: max(0, count - _waiting(app, queue, states)),
        go_on=GO_ON,
    ) as progress:
        purged = app.purge(queue, states)
        progress.add(purged)
    return purged
