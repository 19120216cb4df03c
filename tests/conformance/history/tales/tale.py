"""Small histories, each of which breaks a rule or looks as if it did."""

from __future__ import annotations

from collections.abc import Callable

from tests.conformance.history.script import Script

Tale = Callable[[Script], None]
BROKEN: list[tuple[Tale, set[str]]] = []
LEGAL: list[Tale] = []


def breaks(*rules: str) -> Callable[[Tale], Tale]:
    def keep(tale: Tale) -> Tale:
        BROKEN.append((tale, set(rules)))
        return tale

    return keep


def legal(tale: Tale) -> Tale:
    LEGAL.append(tale)
    return tale
