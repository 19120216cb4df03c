"""`anyjob enqueue`: one job, or one for each line of input."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import click
import msgspec

from anyjob.app import App
from anyjob.cli.clean import counted, one_line
from anyjob.cli.failure import NotDone, as_typed
from anyjob.cli.found import refuse_unknown
from anyjob.cli.lookup import Where, refuse_memory
from anyjob.cli.options import of_listing, of_tasks
from anyjob.cli.output import Column, Format, Listing, show
from anyjob.cli.progress import Progress
from anyjob.cli.session import Session
from anyjob.cli.values import (
    arguments_for,
    arguments_from,
    aware_instant,
    span,
    span_or_instant,
)
from anyjob.core.codec import encode_value
from anyjob.core.draft import Draft
from anyjob.core.envelope import Rejected
from anyjob.core.errors import InvalidArguments
from anyjob.core.job import Job
from anyjob.core.task import Task

_COLUMNS = (Column("id"), Column("task"), Column("queue"), Column("created"))
_ENDED = (*_COLUMNS, Column("result"))
#: How many lines are read before they are stored.
_LOT = 1000
_REFUSALS_SHOWN = 5


@click.command(context_settings={"ignore_unknown_options": False})
@click.argument("task")
@click.argument("words", metavar="[NAME=VALUE... | JSON | -]", nargs=-1)
@click.option(
    "--in",
    "delay",
    metavar="SPAN",
    callback=span,
    help="Wait so long before it may run: 90, 30s, 5m, 1h30m.",
)
@click.option(
    "--at",
    "run_at",
    metavar="TIME",
    callback=aware_instant,
    help="Run it not before this time, with its offset.",
)
@click.option("--queue", "-q", metavar="QUEUE", help="Another queue than the task's.")
@click.option("--priority", metavar="N", type=click.IntRange(0, 9), help="0 to 9, higher first.")
@click.option("--unique-key", metavar="KEY", help="One unfinished job of this key at a time.")
@click.option(
    "--expires",
    metavar="SPAN|TIME",
    callback=span_or_instant,
    help="Not worth starting after this span or time.",
)
@click.option("--wait", is_flag=True, help="Wait for the end, and show the result.")
@click.option(
    "--wait-timeout",
    metavar="SPAN",
    callback=span,
    help="Wait so long at most; exit code 7 past it.",
)
@of_listing
@of_tasks
def enqueue(
    *,
    task: str,
    words: tuple[str, ...],
    wait: bool,
    wait_timeout: float | None,
    where: Where,
    session: Session,
    format: Format | None,
    **options: Any,
) -> None:
    """Enqueue one job of TASK, or with - one for each line of standard input.

    The arguments are name=value words, whose values are JSON where the task's type hints take them
    so and text else, or one JSON object by name, or one JSON list by position. A line of input is
    such an object or list; lines are stored by the thousand.
    """
    must_wait = wait or wait_timeout is not None
    chosen = {name: value for name, value in options.items() if value is not None}
    with where.used() as app, as_typed():
        found = app.tasks.get(task)
        queue = chosen.get("queue", found.queue)
        refuse_memory(app, "enqueue", queue)
        refuse_unknown(app, [queue] if "queue" in chosen else [])
        if words == ("-",):
            if must_wait:
                raise click.UsageError("--wait goes with one job, not with -; leave out one")
            _enqueue_lines(app, found, chosen, session, format)
            return
        job = app.enqueue(Draft(found, arguments_for(found, words), found.checked(chosen)))
        item = _item(job)
        if must_wait:
            result = job.result(wait_timeout)
            item["result"] = msgspec.Raw(encode_value(result))
    show(Listing("enqueued", _ENDED if must_wait else _COLUMNS, [item]), format, session)


def _item(job: Job[Any]) -> dict[str, Any]:
    return {"id": job.id, "task": job.task, "queue": job.queue, "created": job.created}


def _enqueue_lines(
    app: App,
    task: Task[..., Any],
    options: Mapping[str, Any],
    session: Session,
    format: Format | None,
) -> None:
    """Store a job for each line; stops at the first line that is none, and says how to go on."""
    lines = _Lines(task, task.checked(options))
    answers: list[Job[Any] | Rejected] = []
    with Progress(f"enqueuing {task.name}", None, session) as progress:
        try:
            for lot in lines.lots():
                answers += app.enqueue_many(lot)
                progress.add(len(lot))
        except BaseException as error:  # Ctrl-C too: whatever it is, what was done is said
            answers += getattr(error, "stored", ())
            session.say(
                f"{counted(len(answers), 'job')} stored before this, of the lines up to"
                f" {lines.stored_up_to(len(answers))}"
            )
            raise
    stored = [_item(answer) for answer in answers if isinstance(answer, Job)]
    show(Listing("enqueued", _COLUMNS, stored), format, session)
    session.say(f"enqueued {counted(len(stored), 'job')} of {task.name}")
    if lines.error is not None:
        raise InvalidArguments(
            f"line {lines.line:,} is no job: {str(lines.error).replace('; ', ', ')}; correct it and"
            f" go on with: tail -n +{lines.line} FILE | anyjob enqueue {task.name} -"
        ) from lines.error
    _complain([answer.why for answer in answers if isinstance(answer, Rejected)], session)


def _complain(refused: Sequence[str], session: Session) -> None:
    for why in refused[:_REFUSALS_SHOWN]:
        session.say(f"refused: {one_line(why)}")
    if refused:
        raise NotDone(f"{counted(len(refused), 'job')} refused; correct them and send them again")


class _Lines:
    """Standard input as drafts; ends before the first line that is no job."""

    def __init__(self, task: Task[..., Any], options: Mapping[str, Any]) -> None:
        self._task = task
        self._options = options
        self._numbers: list[int] = []
        #: The number of the last line read, and what was wrong with it.
        self.line = 0
        self.error: InvalidArguments | None = None

    def lots(self) -> Iterator[list[Draft[Any]]]:
        drafts = self._drafts()
        while lot := list(islice(drafts, _LOT)):
            yield lot

    def stored_up_to(self, count: int) -> int:
        """Return the line of the job number `count`, 0 for none."""
        return self._numbers[count - 1] if count else 0

    def _drafts(self) -> Iterator[Draft[Any]]:
        for line in sys.stdin.buffer:
            self.line += 1
            if not line.strip():
                continue
            try:
                arguments = arguments_from(self._task, line)
            except InvalidArguments as error:
                self.error = error
                return
            self._numbers.append(self.line)
            yield Draft(self._task, arguments, self._options)
