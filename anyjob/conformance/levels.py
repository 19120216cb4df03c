"""What a backend reaches, measured: to be compared with what it declares."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from anyjob.core.envelope import ACCEPTED, PRIORITIES, Unique
from anyjob.core.errors import UnsupportedCapability
from anyjob.core.settlement import Answer, Bury, Complete, Release
from anyjob.core.state import State

if TYPE_CHECKING:
    from anyjob.conformance.scene import Scene
    from anyjob.core.backend import Consumer


def reached(scene: Scene) -> dict[str, object]:
    """The level of each capability that a sequence of calls can tell, by its field."""
    return {field: measure(scene) for field, measure in MEASURES.items()}


def distinct_priorities(scene: Scene) -> int:
    """How many levels the ten priorities make; fails where a higher one comes later."""
    levels = 1
    for low in range(PRIORITIES - 1):
        queue = f"levels-{low}"
        scene.declare(queue)
        [first] = scene.put(queue=queue, priority=low)
        [second] = scene.put(queue=queue, priority=low + 1)
        order = [scene.one(scene.consumer(queue)).id for _ in range(2)]
        assert sorted(order) == [first.id, second.id]
        levels += order[0] == second.id
    return levels


def fence_of(scene: Scene) -> str:
    """Return "local" if a lease is over at nine tenths, "token" if its whole time counts.

    A lease that hangs on a connection, or never ends by itself, has no time, and nothing here tells
    the two apart.
    """
    if scene.capabilities.lease != "timed":
        return scene.capabilities.fencing
    scene.declare("fencing")
    scene.put(queue="fencing")
    # Long enough that in real time, too, the last tenth is not over before it is looked at.
    lease = scene.lease if scene.clock is not None else 10 * scene.lease
    consumer = scene.consumer("fencing", lease=lease)
    last = scene.one(consumer)
    scene.pass_time(0.95 * lease)
    return "token" if scene.settle(consumer, Complete(lease=last)) == [Answer.DONE] else "local"


def _dedup(scene: Scene) -> str:
    scene.declare("dedup")
    [job] = scene.put(queue="dedup")
    return "none" if scene.backend.enqueue([job]) == [ACCEPTED] else "window"


def _order(scene: Scene) -> str:
    scene.declare("order")
    jobs = scene.put(60, queue="order")
    found = [lease.id for lease in scene.rest(scene.consumer("order"))]
    return "fifo" if found == [job.id for job in jobs] else "loose"


def _redeliveries(scene: Scene) -> str:
    if scene.capabilities.lease == "none":
        # No lease is lost, so nothing tells how it would be counted.
        return scene.capabilities.redeliveries
    consumer = _one_leased(scene, "redeliveries")
    scene.settle(consumer, Release(lease=scene.one(consumer)))
    scene.one(consumer)
    scene.outlast()
    is_exact = scene.one(consumer).redeliveries == 1
    if is_exact and not scene.capabilities.exclusive:
        # Where a job may be given twice, no sequence of calls tells whether that is counted.
        return scene.capabilities.redeliveries
    return "exact" if is_exact and not _counts_unseen(scene) else "upper"


def _counts_unseen(scene: Scene) -> bool:
    """Whether a job counts as lost that was only on its way to a consumer when that was cut off."""
    queue = "redeliveries-ahead"
    scene.declare(queue)
    scene.put(2, queue=queue)
    consumer = scene.consumer(queue)
    # It would have had more.
    taken = {lease.id for lease in consumer.fetch(10, scene.capabilities.visibility_lag)}
    scene.put(2, queue=queue)
    scene.elapse(scene.capabilities.visibility_lag)
    scene.outlast()
    again = scene.rest(scene.consumer(queue))
    return any(lease.redeliveries for lease in again if lease.id not in taken)


def _release(scene: Scene) -> str:
    scene.declare("release")
    [first, _] = scene.put(2, queue="release")
    consumer = scene.consumer("release")
    scene.settle(consumer, Release(lease=scene.one(consumer)))
    lease = scene.one(consumer)
    if lease.redeliveries:
        return "none"
    if scene.capabilities.order == "loose" and scene.capabilities.release != "none":
        # Where any order is legal, none tells whether a place was kept.
        return scene.capabilities.release
    return "place" if lease.id == first.id else "count"


def _presence(capability: str, call: Callable[[Scene], object]) -> Callable[[Scene], object]:
    """Whether a capability is there at all: its declared level if the call works, else "none"."""

    def measure(scene: Scene) -> object:
        declared = getattr(scene.capabilities, capability)
        try:
            call(scene)
        except UnsupportedCapability as refusal:
            return "none" if refusal.name == capability else f"refused as {refusal.name!r}"
        return "present" if declared == "none" else declared

    return measure


def _delayed(scene: Scene) -> None:
    scene.declare("delay")
    scene.put(queue="delay", due=scene.delay)
    scene.assert_idle(scene.consumer("delay"))
    lag = scene.capabilities.schedule_lag + scene.capabilities.resolution
    scene.pass_time(scene.delay + lag)
    scene.one(scene.consumer("delay"))


def _unique(scene: Scene) -> None:
    scene.declare("unique")
    scene.put(queue="unique", unique=Unique("key"))
    second = scene.job(queue="unique", unique=Unique("key"))
    assert scene.backend.enqueue([second]) != [ACCEPTED], "two jobs hold one unique key"


def _paused(scene: Scene) -> None:
    consumer = _one_leased(scene, "pause")
    scene.backend.pause("pause")
    scene.pass_time(5.0)
    scene.assert_idle(consumer)
    scene.backend.resume("pause")


def _cancelled(scene: Scene) -> None:
    consumer = _one_leased(scene, "cancel")
    page = scene.job(queue="cancel")
    scene.backend.enqueue([page])
    assert scene.backend.cancel("cancel", [page.id]) == ["cancelled"]
    assert len(scene.rest(consumer)) == 1


def _kept(scene: Scene) -> None:
    consumer = _one_leased(scene, "results")
    lease = scene.one(consumer)
    scene.settle(consumer, Complete(lease=lease, outcome=b"result", keep=60.0))
    record = scene.record(lease)
    assert record is not None
    assert record.outcome == b"result"


def _buried(scene: Scene) -> None:
    consumer = _one_leased(scene, "dead")
    scene.settle(consumer, Bury(lease=scene.one(consumer), reason="broken"))
    assert scene.backend.revive("dead", None) == 1
    scene.one(consumer)


def _browse(scene: Scene) -> str:
    scene.declare("browse")
    scene.put(queue="browse")
    for level, state in (("all", State.READY), ("dead", State.DEAD)):
        try:
            scene.backend.browse("browse", state, None, 1)
        except UnsupportedCapability:
            continue
        return level
    return "none"


def _one_leased(scene: Scene, queue: str) -> Consumer:
    """A consumer of a queue that holds one job."""
    scene.declare(queue)
    scene.put(queue=queue)
    return scene.consumer(queue)


MEASURES: dict[str, Callable[[Scene], object]] = {
    "fencing": fence_of,
    "dedup": _dedup,
    "priorities": distinct_priorities,
    "order": _order,
    "redeliveries": _redeliveries,
    "release": _release,
    "browse": _browse,
    "delay": _presence("delay", _delayed),
    "unique": _presence("unique", _unique),
    "pause": _presence("pause", _paused),
    "cancel": _presence("cancel", _cancelled),
    "results": _presence("results", _kept),
    "dead": _presence("dead", _buried),
}
