"""Why a job was delivered again."""

from __future__ import annotations

from anyjob.conformance.history.index import TERMINAL, TOLERANCE, Delivery, Index


def cause(before: Delivery, after: Delivery, index: Index) -> str:
    """What explains `after`: done (nothing may come after it), settled, unknown, lapse, struck, or
    "" where nothing does.
    """
    given_up = before.was_given_up(after.event.mono)
    if given_up is not None and given_up.answer != "ok":
        return "unknown"
    if given_up is not None:
        return "done" if given_up.event.kind in TERMINAL else "settled"
    if has_lapsed(before, after, index):
        return "lapse"
    if was_struck(before, after, index):
        return "struck"
    return ""


def has_lapsed(before: Delivery, after: Delivery, index: Index) -> bool:
    """Whether the first lease was over when the second was given."""
    return after.at >= before.until - TOLERANCE - index.levels.resolution


def was_struck(before: Delivery, after: Delivery, index: Index) -> bool:
    """Whether the holder had been killed or cut off by then."""
    if index.struck.get(before.event.process, after.event.mono) < after.event.mono:
        return True
    return any(before.begin < at < after.event.mono for at in index.severed)


def is_comparable(index: Index, accepted: int) -> bool:
    """Whether the leases of a job so often accepted are those of one job."""
    return index.levels.dedup == "window" or accepted < 2
