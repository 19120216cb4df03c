"""Lots of jobs that are stored together, of which each may be refused on its own."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from anyjob.app.plan import Planner
from anyjob.core.draft import AnyDraft
from anyjob.core.envelope import Envelope, Rejected
from anyjob.core.errors import ConfigurationError, PayloadTooLarge
from anyjob.core.job import Job


def planned_or_reason(planner: Planner, draft: AnyDraft) -> Envelope | Rejected:
    """Return what to store of a draft, or why it cannot be."""
    try:
        return planner.envelope(draft)
    except (ConfigurationError, PayloadTooLarge) as error:
        return Rejected(str(error))


def by_transaction(
    lot: Sequence[AnyDraft], planned: Sequence[Envelope | Rejected]
) -> list[tuple[Any, list[int], list[Envelope]]]:
    """Group what is to be stored, with its places, by the connection it is stored through."""
    groups: dict[int, tuple[Any, list[int], list[Envelope]]] = {}
    for place, envelope in enumerate(planned):
        if not isinstance(envelope, Envelope):
            continue
        transaction = lot[place].transaction
        group = groups.get(id(transaction))
        if group is None:
            group = groups[id(transaction)] = (transaction, [], [])
        group[1].append(place)
        group[2].append(envelope)
    return list(groups.values())


def tell_stored(error: BaseException, answers: list[Job[Any] | Rejected]) -> None:
    """Write on an error that ended a stream of jobs what was stored before it."""
    stored = sum(isinstance(answer, Job) for answer in answers)
    with suppress(Exception):  # a class of theirs may refuse what it does not know
        error.add_note(
            f"enqueue_many had stored {stored} jobs before this, and stored none of those drawn"
            " since; the error's attribute `stored` has its answers"
        )
        error.stored = answers  # type: ignore[attr-defined]
