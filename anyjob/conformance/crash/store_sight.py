"""What is to be seen of a store's site after a client died there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from anyjob.conformance.crash.sight import Sight
from anyjob.conformance.store_scene import StoreScene
from anyjob.core.errors import InvalidOption
from anyjob.core.store import ClaimRequest, Member

#: The names that the scenarios of a store use, of each kind of thing.
KEYS = ("a", "b", "c")
SET = "set"
MEMBERS = 3
AGENDA = "agenda"
SERIES = "series"


class EntryLooker:
    """Looks for everything that a store remembers under the scenarios' names."""

    def __init__(self, scene: StoreScene) -> None:
        self._scene = scene
        self._sight: Sight = {}

    def look(self) -> None:
        store = self._scene.store
        store.maintain(1.0)
        for key, entry in zip(KEYS, store.get(KEYS), strict=True):
            self._note(f"value of {key}", None if entry is None else entry.value)
        # Asking for a claim tells who has it.
        for claim, key in zip(store.claim([_wish(key) for key in KEYS]), KEYS, strict=True):
            self._note(f"owner of {key}", None if claim.granted else claim.owner)
        for key, count in zip(KEYS, store.increment([(key, 0) for key in KEYS]), strict=True):
            self._note(f"counter {key}", count or None)
        self._see_members()
        points = store.series(SERIES, None, 100)
        self._note("series", *(point.value for point in points))

    def look_again(self) -> Sight:
        store = self._scene.store
        store.maintain(1.0)
        taken = store.take_due(AGENDA, 100, self._scene.ttl)
        for due in sorted(taken, key=lambda each: each.id):
            self._note(f"entry {due.id}", due.value)
        assert store.settle_due(taken) == [True] * len(taken)
        return self._sight

    def _see_members(self) -> None:
        for name in (SET, f"{SET} 2"):
            for ordinal in range(MEMBERS):
                ask = _asking(self._scene, name, ordinal)
                self._note(f"member {ordinal} of {name}", ask())

    def _note(self, about: str, *found: Any) -> None:
        if found and found != (None,):
            self._sight[about] = found


def _asking(scene: StoreScene, name: str, ordinal: int) -> Callable[[], str | None]:
    """Whether a member was settled before this; None where there is no such set."""

    def ask() -> str | None:
        try:
            [settled] = scene.store.settle_members([Member(name, ordinal)])
        except InvalidOption:
            return None
        return "open" if settled.changed else "settled"

    return ask


def _wish(key: str) -> ClaimRequest:
    return ClaimRequest(key, "looker", 1.0)
