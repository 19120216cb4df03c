"""Lots of jobs that are stored together, of which each may be refused on its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any

from anyjob.app.plan import Planner
from anyjob.app.send import send, start_send
from anyjob.core.backend import Backend
from anyjob.core.draft import AnyDraft
from anyjob.core.envelope import Envelope, Receipt, Rejected
from anyjob.core.errors import AnyjobError, ConfigurationError, PayloadTooLarge
from anyjob.core.job import Job

#: What becomes of one: its draft, what was stored of it, and the backend's word.
ToAnswer = Callable[[AnyDraft, Envelope, Receipt], Job[Any] | Rejected]
Finish = Callable[[], list[Job[Any] | Rejected]]
#: What is to be stored of each draft of a lot, or why it cannot be.
Plan = Callable[[list[AnyDraft]], list[Any]]
#: Begins to store a lot that was planned.
Start = Callable[[list[AnyDraft], list[Any]], Finish]


def store_lots(
    plan: Plan, start: Start, lots: Iterable[list[AnyDraft]]
) -> list[Job[Any] | Rejected]:
    """Store lots in their order, each planned while the last one is being stored; returns an answer
    for each draft.

    An error holds in `stored` what was answered before it, and what it holds itself of its lot.
    """
    answers: list[Job[Any] | Rejected] = []
    finish: Finish = list
    try:
        for lot in lots:
            planned = plan(lot)
            last, finish = finish, list
            answers += last()
            finish = start(lot, planned)
        last, finish = finish, list
        answers += last()
    except BaseException as error:  # of user code, too: a generator may raise anything
        with suppress(AnyjobError):  # it is the first error that is told
            answers += finish()
        answers += getattr(error, "stored", ())
        _tell_stored(error, answers)
        raise
    return answers


def planned_lot(planner: Planner, lot: Iterable[AnyDraft]) -> list[Envelope | Rejected]:
    """Return what to store of each draft, or why it cannot be."""
    return [_planned_or_reason(planner, draft) for draft in lot]


def start_lot(
    backend: Backend,
    lot: list[AnyDraft],
    planned: list[Envelope | Rejected],
    to_answer: ToAnswer,
) -> Finish:
    """Begin to store what could be planned of a lot; an item that could not gives its reason."""
    groups = _by_transaction(lot, planned)
    if len(groups) == 1 and groups[0][0] is None:
        ends = [start_send(backend, groups[0][2])]
    else:
        # At once, because what else their transaction holds is the caller's.
        ends = [_ended(send(backend, each, transaction)) for transaction, _, each in groups]

    def finish() -> list[Job[Any] | Rejected]:
        answers: list[Any] = list(planned)  # where each envelope gives way to its answer
        for (_, places, envelopes), end in zip(groups, ends, strict=True):
            for place, envelope, receipt in zip(places, envelopes, end(), strict=True):
                answers[place] = to_answer(lot[place], envelope, receipt)
        return answers

    return finish


def _ended(receipts: list[Receipt]) -> Callable[[], list[Receipt]]:
    return lambda: receipts


def _planned_or_reason(planner: Planner, draft: AnyDraft) -> Envelope | Rejected:
    """Return what to store of a draft, or why it cannot be."""
    try:
        return planner.envelope(draft)
    except (ConfigurationError, PayloadTooLarge) as error:
        return Rejected(str(error))


def _by_transaction(
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


def _tell_stored(error: BaseException, answers: list[Job[Any] | Rejected]) -> None:
    """Write on an error that ended a stream of jobs what was stored before it."""
    stored = sum(isinstance(answer, Job) for answer in answers)
    with suppress(Exception):  # a class of theirs may refuse what it does not know
        error.add_note(
            f"enqueue_many had stored {stored} jobs before this, and stored none of those drawn"
            " since; the error's attribute `stored` has its answers"
        )
        error.stored = answers  # type: ignore[attr-defined]
