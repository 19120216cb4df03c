"""What is asked of a wire, where there is none: that there is none."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar

import pytest

from anyjob.conformance.crash.ways import ByDeath
from anyjob.conformance.scene import Scene
from anyjob.conformance.stage import Stage
from anyjob.conformance.store_scene import StoreScene
from anyjob.conformance.wire import Cut, Proxy

S = TypeVar("S", bound=Stage)
#: The level at which a property of the wire holds where nothing can be lost on one.
NO_WIRE = "PASS(no wire)"


def over_wire(body: Callable[[Any, S, Proxy], None]) -> Callable[[Any, S], None]:
    """Give an example a wire to the server.

    What keeps its jobs in its own process or host has none; that is tried, and is its level. What
    is reached over a network is untested without a server of its own.
    """

    @functools.wraps(body)
    def example(self: Any, scene: S) -> None:
        if scene.server is not None:
            body(self, scene, scene.proxy())
            return
        if scene.used.capabilities.reach == "network":
            pytest.skip("UNTESTED: the harness has no server")
        scene.evidence["points"] = assert_wireless(scene)
        scene.status = NO_WIRE

    # Else pytest would ask for the wire as for a fixture.
    parameters = list(inspect.signature(body).parameters.values())[:2]
    example.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return example


def lose_answer(proxy: Proxy) -> None:
    """Let the next request pass, and its answer not; the wire holds after that."""
    proxy.cut, proxy.was_cut = Cut(len(proxy.requests) + 1, "after", for_good=False), False


def assert_wireless(stage: Stage) -> int:
    """Fail if a client uses a socket in a day's work; returns the number of its requests."""
    if isinstance(stage, Scene):
        ran = ByDeath().run(stage, _work, None)
    else:
        assert isinstance(stage, StoreScene)
        ran = ByDeath().run(stage, _remember, None)
    wires = [request for request in ran.requests if request.startswith("wire")]
    assert ran.told == "done"
    assert not wires, f"it declares to reach no network, and uses a wire: {wires}"
    return len(ran.requests)


def _work(scene: Scene, begin: Callable[[], None]) -> None:
    begin()
    scene.declare("wireless")
    scene.put(2, queue="wireless")
    consumer = scene.consumer("wireless")
    leases = scene.take(consumer, 2)
    consumer.extend(leases, scene.lease)
    scene.complete(consumer, *leases)
    scene.keep_up()


def _remember(scene: StoreScene, begin: Callable[[], None]) -> None:
    begin()
    scene.put("key")
    scene.store.increment([("count", 1)])
    scene.store.maintain(1.0)
