"""What callers may ask an app for; what they may not is one clear error, on every backend."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from anyjob.core.errors import InvalidOption, shown
from anyjob.core.names import suggestion
from anyjob.core.state import State


def checked_id(id: object) -> str:
    """Return the id of a job if it is text; raises InvalidOption."""
    if not isinstance(id, str):
        raise InvalidOption(f"expected a job's id to be text, got {shown(id)}; pass job.id")
    return id


def checked_ids(ids: object) -> list[str]:
    """Return ids of jobs; raises InvalidOption, for a single text too."""
    # A text is a sequence of its letters, none of which was meant.
    if isinstance(ids, str | bytes | Mapping) or not isinstance(ids, Iterable):
        raise InvalidOption(
            f"expected ids to be a list of jobs' ids, got {shown(ids)}; pass [job.id]"
        )
    return [checked_id(id) for id in ids]


def checked_state(state: object) -> State:
    """Return a state, given as one or as its name; raises InvalidOption."""
    names = [str(known) for known in State]
    if not isinstance(state, str):
        raise InvalidOption(f"expected a state, got {shown(state)}; pass State.READY, for example")
    if state not in names:
        raise InvalidOption(f"no state {shown(state)}{suggestion(state, names)}")
    return State(state)


def checked_states(states: object) -> list[State]:
    """Return several states; raises InvalidOption, for a single one too."""
    if isinstance(states, str) or not isinstance(states, Iterable):
        raise InvalidOption(
            f"expected states to be a list of them, got {shown(states)}; pass [State.READY], for"
            " example"
        )
    return [checked_state(state) for state in states]


def checked_cursor(cursor: object) -> str | None:
    """Return the cursor of a listing, None for its beginning; raises InvalidOption."""
    if cursor is not None and not isinstance(cursor, str):
        raise InvalidOption(
            f"expected a cursor to be text or None, got {shown(cursor)}; pass the one of the page"
            " before"
        )
    return cursor


def checked_edits(edit: object) -> Mapping[str, Mapping[str, Any]]:
    """Return new arguments by job id and name, none for None; raises InvalidOption."""
    if edit is None:
        return {}
    if not isinstance(edit, Mapping) or not all(isinstance(v, Mapping) for v in edit.values()):
        # Not shown, because these are arguments of jobs.
        raise InvalidOption(
            "expected edit to map ids to arguments by name, got something else; pass"
            " {job.id: {'name': value}}"
        )
    return {checked_id(id): changes for id, changes in edit.items()}


def checked_drafts(drafts: object) -> Iterable[Any]:
    """Return what can be gone through; raises InvalidOption."""
    if not isinstance(drafts, Iterable):
        raise InvalidOption(
            f"expected jobs to enqueue, such as [task.job(...)], got {shown(drafts)}; pass a list"
            " or a generator"
        )
    return drafts
