"""`anyjob conformance`: does a backend or store keep the contract?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from anyjob.cli.clean import clean
from anyjob.cli.failure import FAILED
from anyjob.cli.options import of_terminal
from anyjob.cli.output import Column, Listing, show, show_text
from anyjob.cli.progress import Progress
from anyjob.cli.session import Session

if TYPE_CHECKING:
    from anyjob.conformance.engine.command import Command

_COLUMNS = (Column("id"), Column("profile"), Column("how"), Column("statement"))
_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.argument("harness", required=False, metavar="[MODULE:CLASS]")
@click.option(
    "--profile",
    "profiles",
    metavar="A,B",
    help="Only these profiles, which then have to be certified.",
)
@click.option(
    "--tier",
    type=click.Choice(["quick", "full", "soak"]),
    help="How much to try: quick by default, full is what certifies, soak goes on for long.",
)
@click.option("--only", multiple=True, metavar="ID", help="Only this property; may be repeated.")
@click.option(
    "--seed",
    type=click.IntRange(0, 2**31 - 1),
    metavar="N",
    help="Which cases are tried: 0 by default, at random for soak.",
)
@click.option(
    "--processes",
    type=click.IntRange(1, 64),
    metavar="N",
    help="Run the tests in so many processes side by side: by default one more than there are"
    " cores, 4 at most; 1 with --only and --replay.",
)
@click.option(
    "--replay",
    type=_FILE,
    metavar="FILE",
    help="Meet the failure of this file again, or judge the history in it.",
)
@click.option("--json", type=_FILE, metavar="FILE", help="Write the report as JSON.")
@click.option("--junit", type=_FILE, metavar="FILE", help="Write the report as JUnit XML.")
@click.option("--markdown", type=_FILE, metavar="FILE", help="Write the matrix of profiles.")
@click.option("--badge", type=_FILE, metavar="FILE", help="Write what a badge says.")
@click.option("--list", "lists", is_flag=True, help="List the properties, and run nothing.")
@click.option("--explain", metavar="ID", help="Explain one property, and run nothing.")
@of_terminal
def conformance(
    *,
    session: Session,
    harness: str | None,
    lists: bool,
    explain: str | None,
    replay: Path | None,
    **asked: Any,
) -> int:
    """Prove that a backend or store keeps the contract, on a harness written module:Class.

    Exit code 0: all that ran holds, and a profile named by --profile is certified. 1: something is
    broken, vacuous or unknown. 2: an unknown property or profile, a damaged file, a known failure
    past its date.
    """
    # It wants pytest and Hypothesis, which come with an extra.
    from anyjob.conformance.engine.known import WrongUse

    try:
        if lists or explain is not None:
            return _tell(session, explain)
        if replay is not None and (judged := _judge_history(replay)) is not None:
            return judged
        command, files = _command(harness, replay, asked)
    except WrongUse as error:
        raise click.UsageError(str(error)) from error
    return _run(command, files, session)


def _tell(session: Session, id: str | None) -> int:
    from anyjob.conformance.engine.command import explained, listed

    if id is not None:
        show_text("\n".join(explained(id)))
        return 0
    items = [dict(zip([c.key for c in _COLUMNS], row, strict=True)) for row in listed()]
    show(Listing("properties", _COLUMNS, items), None, session)
    return 0


def _command(
    harness: str | None, replay: Path | None, asked: dict[str, Any]
) -> tuple[Command, dict[str, Path]]:
    from anyjob.conformance.engine.command import WRITERS, Command

    profiles = asked["profiles"]
    command = Command(
        harness,
        tier=asked["tier"],
        seed=asked["seed"],
        only=asked["only"],
        profiles=[name.strip().lower() for name in profiles.split(",")] if profiles else (),
        replay=replay,
        processes=asked["processes"],
    )
    files = {kind: asked[kind] for kind in WRITERS if asked[kind] is not None}
    for path in files.values():
        if not path.absolute().parent.is_dir():
            raise click.UsageError(f"there is no folder {str(path.parent)!r}; make it first")
    return command, files


def _run(command: Command, files: dict[str, Path], session: Session) -> int:
    try:
        with Progress("conformance", 0, session) as progress:
            command.run(progress.reach)
    except KeyboardInterrupt:
        _write(command, files)
        raise
    _write(command, files)
    for objection in command.objections:
        session.say(f"not clean: {objection}")
    return FAILED if command.objections else 0


def _write(command: Command, files: dict[str, Path]) -> None:
    from anyjob.conformance.engine.command import WRITERS

    show_text(clean("\n".join(command.told())))
    report = command.report
    for kind, path in files.items():
        path.write_bytes(WRITERS[kind](report))


def _judge_history(path: Path) -> int | None:
    """Judge a file if it is a recorded history; returns the exit code."""
    from anyjob.conformance.engine.replay import is_history

    if not is_history(path):
        return None
    from anyjob.conformance.engine.histories import judged

    holds, said = judged(path)
    show_text(said)
    return 0 if holds else FAILED
