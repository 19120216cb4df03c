"""Saying what a verb would touch, and asking."""

from __future__ import annotations

from collections.abc import Sequence

import click

from anyjob.cli.clean import one_line
from anyjob.cli.failure import NotDone
from anyjob.cli.session import Session
from anyjob.core.view import JobView

_SHOWN = 5


def agreed(
    what: str, count: int, first: Sequence[JobView], session: Session, *, yes: bool, dry_run: bool
) -> bool:
    """Print what would be touched, the count and the first five; return whether to go on.

    `what` is a phrase like "purge 3 jobs of queue 'mail'". Nothing to touch, and a dry run, are no
    reason to go on; the verb's listing says then that nothing was done. Raises UsageError where
    nobody can be asked and `yes` wasn't given, NotDone if the answer is no.
    """
    session.say(f"{'about to' if count and not dry_run else 'would'} {what}")
    for job in first[:_SHOWN]:
        named = one_line(job.task) or ("undecodable" if job.undecodable else "")
        session.say(f"  {job.id}  {named}  {one_line(job.arguments)[:60]}".rstrip())
    if first and count > len(first[:_SHOWN]):
        session.say(f"  … and {count - len(first[:_SHOWN])} more")
    if not count or dry_run:
        return False
    if yes:
        return True
    if not session.can_ask:
        raise click.UsageError(
            "this changes jobs for good, and there is no terminal to ask on; add --yes"
        )
    if not session.is_agreed("go on?"):
        raise NotDone("nothing was changed; add --yes to leave out the question")
    return True
