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
from anyjob.core.envelope import Envelope
from anyjob.core.errors import BackendUnavailable, EnqueueUncertain

S = TypeVar("S", bound=Stage)
#: The level at which a property of the wire holds where nothing can be lost on one.
NO_WIRE = "PASS(no wire)"
#: No call that stores a job makes more requests before it has.
MOST_REQUESTS = 10


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


def lose_answer(proxy: Proxy, skipped: int = 0) -> None:
    """Let the next request pass, after so many others, and its answer not; the wire holds after
    that.
    """
    at = len(proxy.requests) + 1 + skipped
    proxy.cut, proxy.was_cut = Cut(at, "after", for_good=False), False


def stored_in_doubt(
    proxy: Proxy, job: Callable[[], Envelope], store: Callable[[Envelope], object]
) -> tuple[Envelope, EnqueueUncertain]:
    """A job whose answer was lost, and what was told of it.

    Of the requests of a call, that is the one that stores; what is refused before it, with a job of
    its own each time, must not be stored. Fails if no call is ever in doubt.
    """
    for skipped in range(MOST_REQUESTS):
        doubtful = job()
        lose_answer(proxy, skipped)
        try:
            store(doubtful)
        except EnqueueUncertain as doubt:
            return doubtful, doubt
        except BackendUnavailable:
            continue
        break
    raise AssertionError("a call whose answer was lost raised no EnqueueUncertain")


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
