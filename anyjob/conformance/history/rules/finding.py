"""What a rule says of a job that breaks it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from anyjob.conformance.history.index import Index


class Finding(msgspec.Struct, frozen=True):
    """A job, "" for the whole history, and what is wrong with it."""

    job: str
    what: str


#: Takes O(n log n) for a history of n events.
Rule = Callable[[Index], Iterator[Finding]]
