"""What a client of a store was doing when it died: each operation, on what stands there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from anyjob.conformance.crash.scenarios import Begin, Scenario
from anyjob.conformance.crash.store_sight import AGENDA, KEYS, MEMBERS, SERIES, SET
from anyjob.conformance.store_scene import StoreScene
from anyjob.core.store import ClaimRequest, Delete, Member, Put

A, B, C = KEYS
#: Longer than any look.
_LONG = 10_000.0


def _call(call: Callable[[StoreScene], object]) -> Callable[[StoreScene, Begin], None]:
    def act(scene: StoreScene, begin: Begin) -> None:
        begin()
        call(scene)

    return act


def _values(scene: StoreScene) -> None:
    scene.store.put([Put(A, b"old"), Put(B, b"old")])


def _claims(scene: StoreScene) -> None:
    scene.store.claim([ClaimRequest(key, "owner", _LONG) for key in (A, B)])


def _entries(scene: StoreScene) -> None:
    now = scene.now()
    scene.store.schedule([(AGENDA, id, now, id.encode()) for id in KEYS])


def _unclaim(scene: StoreScene, begin: Begin) -> None:
    held = scene.store.claim([ClaimRequest(key, "owner", _LONG) for key in (A, B)])
    begin()
    scene.store.unclaim([(key, claim.fence) for key, claim in zip((A, B), held, strict=True)])


def _settle_due(scene: StoreScene, begin: Begin) -> None:
    taken = scene.store.take_due(AGENDA, 2, scene.ttl)
    assert len(taken) == 2
    begin()
    scene.store.settle_due(taken)


def _schedule(scene: StoreScene, begin: Begin) -> None:
    now = scene.now()
    begin()
    scene.store.schedule([(AGENDA, id, now, b"new") for id in ("x", "y")])


def _expiring(scene: StoreScene) -> None:
    scene.store.put([Put(A, b"gone", ttl=scene.ttl / 10), Put(B, b"kept")])


def _store(name: str, act: Any, prepare: Any = lambda _: None, **rules: Any) -> Scenario:
    return Scenario(f"store: {name}", act, prepare, **rules)


OPERATIONS = (
    _store(
        "put of two values",
        _call(lambda scene: scene.store.put([Put(A, b"new"), Put(C, b"new")])),
        _values,
    ),
    _store(
        "put if absent",
        _call(lambda scene: scene.store.put([Put(C, b"new", if_absent=True)])),
        _values,
    ),
    _store(
        "delete of two values",
        _call(lambda scene: scene.store.delete([Delete(A), Delete(B)])),
        _values,
    ),
    _store(
        "claim of two keys",
        _call(lambda scene: scene.store.claim([ClaimRequest(key, "me", _LONG) for key in (B, C)])),
        lambda scene: scene.store.claim([ClaimRequest(A, "owner", _LONG)]),
    ),
    _store("unclaim of two keys", _unclaim),
    _store(
        "create of two sets",
        _call(lambda scene: scene.store.create_sets([(SET, MEMBERS), (f"{SET} 2", MEMBERS)])),
    ),
    _store(
        "settle of two members",
        _call(lambda scene: scene.store.settle_members([Member(SET, 0), Member(SET, 1)])),
        lambda scene: scene.store.create_sets([(SET, MEMBERS)]),
    ),
    _store(
        "increment of two counters",
        _call(lambda scene: scene.store.increment([(A, 2), (B, 3)])),
        lambda scene: scene.store.increment([(A, 1)]),
    ),
    _store("schedule of two entries", _schedule, _entries),
    _store(
        "take of due entries",
        _call(lambda scene: scene.store.take_due(AGENDA, 2, scene.ttl)),
        _entries,
        lenient=True,
    ),
    _store("settle of two entries", _settle_due, _entries),
    _store(
        "unschedule of two entries",
        _call(lambda scene: scene.store.unschedule([(AGENDA, A), (AGENDA, B)])),
        _entries,
    ),
    _store(
        "append of a point",
        _call(lambda scene: scene.store.append([(SERIES, b"new")], _LONG)),
        lambda scene: scene.store.append([(SERIES, b"old")], _LONG),
        whole="",
    ),
    _store(
        "maintain of an expired value",
        _call(lambda scene: scene.store.maintain(1.0)),
        _expiring,
        age=lambda scene: scene.ttl / 5,
        lenient=True,
    ),
)
