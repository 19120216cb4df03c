"""What is declared absent is called all the same: it must be refused by name, and nothing may have
happened.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from anyjob.core.envelope import Unique
from anyjob.core.errors import UnsupportedCapability
from anyjob.core.settlement import Bury, Complete
from anyjob.core.state import State

if TYPE_CHECKING:
    from anyjob.conformance.scene import Scene

#: Calls that need something, on a scene and with a lease there.
Calls = Callable[["Scene", Any], list[Callable[[], object]]]


def verify_absent(scene: Scene, capability: str) -> None:
    """Call what needs `capability`; fails unless it is refused by that name and without effect."""
    _verify(scene, capability, CALLS[capability])


def verify_unlisted(scene: Scene, state: State) -> None:
    """Ask for the list of a state; fails unless that is refused by name and without effect."""
    _verify(
        scene,
        "browse",
        lambda here, lease: [lambda: here.backend.browse(lease.queue, state, None, 1)],
    )


def _verify(scene: Scene, capability: str, calls: Calls) -> None:
    kept = scene.put(2)
    consumer = scene.consumer()
    lease = scene.one(consumer)

    for call in calls(scene, lease):
        with pytest.raises(UnsupportedCapability) as refusal:
            call()
        assert refusal.value.name == capability

    scene.complete(consumer, lease)
    left = [job.id for job in kept if job.id != lease.id]
    assert [each.id for each in scene.rest(consumer)] == left, "the refused call had an effect"


def _delay(scene: Scene, lease: Any) -> list[Callable[[], object]]:
    return [lambda: scene.backend.enqueue([scene.job(due=scene.delay)])]


def _unique(scene: Scene, lease: Any) -> list[Callable[[], object]]:
    return [lambda: scene.backend.enqueue([scene.job(unique=Unique("key"))])]


def _transaction(scene: Scene, lease: Any) -> list[Callable[[], object]]:
    return [lambda: scene.backend.enqueue([scene.job()], transaction=object())]


def _pause(scene: Scene, lease: Any) -> list[Callable[[], object]]:
    return [
        lambda: scene.backend.pause(lease.queue),
        lambda: scene.backend.resume(lease.queue),
        scene.backend.paused,
    ]


def _cancel(scene: Scene, lease: Any) -> list[Callable[[], object]]:
    return [lambda: scene.backend.cancel(lease.queue, [lease.id])]


def _browse(scene: Scene, lease: Any) -> list[Callable[[], object]]:
    return [lambda: scene.backend.browse(lease.queue, State.DEAD, None, 1)]


def _dead(scene: Scene, lease: Any) -> list[Callable[[], object]]:
    consumer = scene.consumer()
    return [
        lambda: consumer.settle([Bury(lease=lease, reason="absent")]),
        lambda: scene.backend.revive(lease.queue, None),
        lambda: scene.backend.discard(lease.queue, None),
    ]


def _results(scene: Scene, lease: Any) -> list[Callable[[], object]]:
    consumer = scene.consumer()
    return [lambda: consumer.settle([Complete(lease=lease, outcome=b"absent", keep=60.0)])]


#: The calls that need a capability, by its field in `Capabilities`.
CALLS: dict[str, Calls] = {
    "delay": _delay,
    "unique": _unique,
    "transaction": _transaction,
    "pause": _pause,
    "cancel": _cancel,
    "browse": _browse,
    "dead": _dead,
    "results": _results,
}
