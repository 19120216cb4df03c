"""Whether what a harness makes obeys the clock of its site: tried out, not declared."""

from __future__ import annotations

from functools import cache

from anyjob.conformance.clock import FakeClock
from anyjob.conformance.harness import Harness, offers
from anyjob.conformance.scene import Scene
from anyjob.conformance.store_scene import StoreScene
from anyjob.core.store import Put

#: The machine's clock is years away from where the suite's begins.
NEAR = 3600.0


@cache
def obeys_clock(harness: Harness) -> bool:
    """Whether time on the suite's clock is time for it; asked once for a harness."""
    return _backend_obeys(harness) if offers(harness, "backend") else _store_obeys(harness)


def _backend_obeys(harness: Harness) -> bool:
    clock = FakeClock()
    with Scene(harness, clock) as scene:
        consumer = scene.consumer()
        scene.put()
        lease = scene.one(consumer)
        if abs(lease.now - clock.time()) < NEAR:
            # It tells the suite's time; whether it keeps it is for the examples to say.
            return True
        if scene.capabilities.lease == "connection":
            # What brings the job back is a cut, which has nothing to do with anybody's clock.
            return False
        scene.outlast()
        return len(consumer.fetch(1, 0.0)) == 1


def _store_obeys(harness: Harness) -> bool:
    clock = FakeClock()
    with StoreScene(harness, clock) as scene:
        scene.store.put([Put("key", b"value", ttl=60.0)])
        clock.advance(61.0)
        return scene.store.get(["key"]) == [None]
