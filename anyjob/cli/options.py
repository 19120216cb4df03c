"""The options that several verbs share."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any

import click

from anyjob.cli.lookup import Where
from anyjob.cli.output import FORMATS, Format
from anyjob.cli.session import Session

Function = Callable[..., Any]

_app_option = click.option(
    "--app",
    metavar="MODULE:ATTR",
    help="The application, also ANYJOB_APP: module:attribute, module:make() or module.",
)


def of_app(function: Function) -> Function:
    """Add the options that say which application or backend; the function gets `where`."""

    @_app_option
    @click.option(
        "-b",
        "--backend",
        metavar="URL|NAME",
        help="The backend, where no application is needed, or one of the application's by name.",
    )
    @click.option("--store", metavar="URL", help="The store beside --backend.")
    @functools.wraps(function)
    def with_where(
        *args: Any,
        app: str | None,
        backend: str | None,
        store: str | None,
        session: Session,
        **rest: Any,
    ) -> Any:
        where = Where(session, app, backend, store)
        return function(*args, where=where, session=session, **rest)

    return of_every_verb(with_where)


def of_tasks(function: Function) -> Function:
    """Add the option that says which application, for verbs that need its tasks."""

    @_app_option
    @functools.wraps(function)
    def with_where(*args: Any, app: str | None, session: Session, **rest: Any) -> Any:
        where = Where(session, app, needs_tasks=True)
        return function(*args, where=where, session=session, **rest)

    return of_every_verb(with_where)


def of_every_verb(function: Function) -> Function:
    """Add the options that every verb has; the function gets `session`, a Session."""
    profile = click.option(
        "--profile",
        metavar="NAME",
        expose_value=False,
        callback=_choose_profile,
        is_eager=True,
        help="The profile of the configuration, also ANYJOB_PROFILE.",
    )
    return profile(of_terminal(function))


def of_terminal(function: Function) -> Function:
    """Add the options of a verb that reads no configuration; it gets `session` too."""

    @click.option(
        "--color",
        type=click.Choice(["auto", "always", "never"]),
        default="auto",
        expose_value=False,
        callback=_choose_color,
        help="Colour on stdout and stderr.",
    )
    @click.option(
        "-v",
        "--verbose",
        is_flag=True,
        expose_value=False,
        callback=_choose_verbose,
        is_eager=True,
        help="Show tracebacks.",
    )
    @click.pass_obj
    @functools.wraps(function)
    def with_session(session: Session, *args: Any, **rest: Any) -> Any:
        return function(*args, session=session, **rest)

    return with_session


def of_listing(function: Function) -> Function:
    """Add the options of output; the function gets `format`, or None for what fits stdout."""

    @click.option(
        "-o",
        "--output",
        type=click.Choice(FORMATS),
        help="How to write it: by default a table on a terminal, tsv in a pipe.",
    )
    @click.option("--json", "as_json", is_flag=True, help="Short for -o json.")
    @functools.wraps(function)
    def with_format(*args: Any, output: Format | None, as_json: bool, **rest: Any) -> Any:
        if as_json and output not in (None, "json"):
            raise click.UsageError(f"--json and -o {output} say different things; leave out one")
        return function(*args, format="json" if as_json else output, **rest)

    return with_format


def of_destruction(function: Function) -> Function:
    """Add the options of a verb that asks before it acts."""
    function = click.option("-y", "--yes", is_flag=True, help="Do not ask.")(function)
    return click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")(
        function
    )


def queue_option(*, help: str, multiple: bool = False) -> Callable[[Function], Function]:
    """Return the option that names queues."""
    return click.option(
        "-q",
        "--queue",
        "queues" if multiple else "queue",
        multiple=multiple,
        metavar="QUEUE",
        help=help,
    )


def _choose_profile(ctx: click.Context, _: click.Parameter, value: str | None) -> None:
    if value:
        # The application reads its own configuration when it is imported, so it has to be there.
        os.environ["ANYJOB_PROFILE"] = value


def _choose_color(ctx: click.Context, _: click.Parameter, value: Any) -> None:
    ctx.find_root().obj.color = value


def _choose_verbose(ctx: click.Context, _: click.Parameter, value: Any) -> None:
    ctx.find_root().obj.verbose = value
