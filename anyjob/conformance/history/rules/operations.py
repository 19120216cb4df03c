"""Operations of which none succeeded: a history without them shows nothing."""

from __future__ import annotations

from collections.abc import Iterator

from anyjob.conformance.history.index import Index
from anyjob.conformance.history.rules.finding import Finding

OPERATIONS = ("enqueue", "fetch", "settle", "extend")


def operations(index: Index) -> Iterator[Finding]:
    """Every operation did what was asked at least once."""
    for operation in OPERATIONS:
        if not index.succeeded[operation]:
            yield Finding("", f"no {operation} ever succeeded")
