"""What a client of a backend was doing when it died: each call of the contract, on jobs that stand
where the call finds something to do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from anyjob.conformance.effort import effort
from anyjob.conformance.scene import QUEUE, Scene
from anyjob.conformance.settlements import KINDS, settlement
from anyjob.core.backend import QueueSpec
from anyjob.core.envelope import Envelope, Unique
from anyjob.core.settlement import Answer, Bury, Complete, Lease, Retry, Settlement
from anyjob.core.state import State

Begin = Callable[[], None]
#: The unique key that scenarios use.
KEY = "key"


class Scenario(msgspec.Struct, frozen=True):
    """One call of a client, and what goes before it."""

    name: str
    #: What the client does; calls `begin` just before the calls that count.
    act: Callable[[Any, Begin], bool | None]
    #: What is there before, made by a client that closes in peace.
    prepare: Callable[[Any], object] = lambda _: None
    #: Seconds that pass between the two.
    age: Callable[[Any], float] = lambda _: 0.0
    #: The capabilities without which it cannot be.
    needs: tuple[str, ...] = ()
    #: The capability with which it is done whole or not at all; "": always; None: job by job.
    whole: str | None = None
    #: The call takes leases or keeps house; a refusal may have done that all the same.
    lenient: bool = False
    #: So many jobs that the first one leaves behind: both or neither, or they before it.
    children: int = 0
    #: The call says nothing in the end, so nobody is told that it is done.
    silent: bool = False
    #: It is about the holder of KEY.
    keyed: bool = False


def _enqueue(count: int, **fields: Any) -> Callable[[Scene, Begin], None]:
    def act(scene: Scene, begin: Begin) -> None:
        jobs = [scene.job(**fields) for _ in range(count)]
        begin()
        scene.enqueue(jobs)

    return act


def _enqueue_delayed(scene: Scene, begin: Begin) -> None:
    _enqueue(2, due=scene.delay)(scene, begin)


def _declare(scene: Scene, begin: Begin) -> None:
    begin()
    scene.backend.declare([QueueSpec("another")])


def _fetch(count: int) -> Callable[[Scene, Begin], None]:
    def act(scene: Scene, begin: Begin) -> None:
        consumer = scene.consumer()
        begin()
        consumer.fetch(count, 0.0)

    return act


def _fetch_and_settle(scene: Scene, begin: Begin) -> None:
    """A completion that leaves with the next fetch."""
    consumer = scene.consumer()
    lease = scene.one(consumer)
    begin()
    consumer.settle([Complete(lease=lease)])
    consumer.fetch(1, 0.0)


def _settle(
    make: Callable[[Scene, Lease, tuple[Envelope, ...]], Settlement], children: int = 0
) -> Callable[[Scene, Begin], bool]:
    """Settle two leases in one batch, the first of them with its children."""

    def act(scene: Scene, begin: Begin) -> bool:
        consumer = scene.consumer()
        leases = scene.take(consumer, 2)
        then = tuple(scene.job(body=b"child") for _ in range(children))
        settlements = [
            make(scene, lease, then if not at else ()) for at, lease in enumerate(leases)
        ]
        begin()
        answers = scene.settle(consumer, *settlements)
        lost = Answer.LEASE_LOST in answers
        # A lease that hangs on a connection is lost with it.
        hangs = scene.capabilities.lease == "connection"
        assert hangs or not lost, "the settlement of a live lease was refused"
        if lost:
            return False
        return answers == [Answer.DONE] * 2

    return act


def _of_kind(kind: str, children: int) -> Scenario:
    def make(scene: Scene, lease: Lease, then: tuple[Envelope, ...]) -> Settlement:
        delayed = {"delay": scene.delay} if kind == "retry" and not scene.lacks("delay") else {}
        return settlement(kind, lease, note=b"note", then=then, **delayed)

    return Scenario(
        f"{kind} of two jobs" + (f" and {children} children" if children else ""),
        _settle(make, children),
        prepare=lambda scene: scene.put(2),
        needs=("dead",) if kind == "bury" else (),
        children=children,
    )


def _complete_with_result(scene: Scene, lease: Lease, then: tuple[Envelope, ...]) -> Settlement:
    return Complete(lease=lease, then=then, outcome=b"result", keep=600.0)


def _retry_keeping_key(scene: Scene, begin: Begin) -> bool:
    consumer = scene.consumer()
    lease = scene.one(consumer)
    begin()
    return scene.settle(consumer, Retry(lease=lease)) == [Answer.DONE]


def _extend(scene: Scene, begin: Begin) -> None:
    consumer = scene.consumer()
    leases = scene.take(consumer, 3)
    begin()
    assert consumer.extend(leases, 2.5 * scene.lease) == []


def _close(scene: Scene, begin: Begin) -> bool:
    """A shutdown: one job is finished, the other one is given back; no answer is told."""
    consumer = scene.consumer()
    leases = scene.take(consumer, 2)
    begin()
    consumer.settle([Complete(lease=leases[0])])
    consumer.close(release=True)
    return False


def _maintain(scene: Scene, begin: Begin) -> None:
    begin()
    scene.keep_up()


def _leave_due(scene: Scene) -> None:
    scene.put(3, due=scene.delay)
    scene.put(1)


def _leave_lapsed(scene: Scene) -> None:
    scene.put(4)
    scene.take(scene.consumer(), 3)


def _leave_ended(scene: Scene) -> None:
    scene.put(3)
    consumer = scene.consumer()
    scene.complete(consumer, *scene.take(consumer, 2))


def _when_due(scene: Scene) -> float:
    return 1.5 * scene.delay


def _when_lapsed(scene: Scene) -> float:
    return scene.lease + scene.capabilities.redelivery_lag


def _when_forgotten(scene: Scene) -> float:
    """Once their ends are forgotten, unless that takes longer than a test can wait."""
    window = scene.capabilities.dedup_window
    return window + scene.lease if scene.clock is not None else scene.lease


def _bury_two(scene: Scene, **fields: Any) -> None:
    scene.put(2, **fields)
    scene.put(1)
    consumer = scene.consumer()
    dead = scene.take(consumer, 2)
    scene.settle(consumer, *(Bury(lease=lease, reason="broken", note=b"why") for lease in dead))


def _dead_ids(scene: Scene) -> list[str]:
    records = scene.backend.browse(QUEUE, State.DEAD, None, 10).records
    return [record.id for record in records]


def _revive_all(scene: Scene, begin: Begin) -> None:
    begin()
    scene.backend.revive(QUEUE, None)


def _revive_edited(scene: Scene, begin: Begin) -> None:
    ids = _dead_ids(scene)
    begin()
    scene.backend.revive(QUEUE, ids[:1], edit={ids[0]: b"mended"})


def _discard_one(scene: Scene, begin: Begin) -> None:
    ids = _dead_ids(scene)
    begin()
    scene.backend.discard(QUEUE, ids[:1])


def _discard_all(scene: Scene, begin: Begin) -> None:
    begin()
    scene.backend.discard(QUEUE, None)


def _wait_and_hold(scene: Scene) -> None:
    scene.put(2, priority=1)
    if not scene.lacks("delay"):
        scene.put(1, due=scene.delay)


def _purge(scene: Scene, begin: Begin) -> None:
    # Where jobs of a state are not listed, none of them is purged either.
    ready_alone = scene.lacks("delay") or scene.lists_not(State.SCHEDULED)
    states = [State.READY] if ready_alone else [State.READY, State.SCHEDULED]
    begin()
    scene.backend.purge(QUEUE, states)


def _cancel(scene: Scene, begin: Begin) -> None:
    # Ids are counted from 1, so these are the first ones of the site.
    ids = [scene.nth(1).id, scene.nth(2).id]
    begin()
    scene.backend.cancel(QUEUE, ids, keep=600.0)


def _pause(scene: Scene, begin: Begin) -> None:
    begin()
    scene.backend.pause(QUEUE)


def _leave_paused(scene: Scene) -> None:
    scene.put(2)
    scene.backend.pause(QUEUE)


def _resume(scene: Scene, begin: Begin) -> None:
    begin()
    scene.backend.resume(QUEUE)


def _three(scene: Scene) -> object:
    return scene.put(3)


def _two_of_a_key(scene: Scene) -> None:
    scene.put(1, unique=Unique(KEY))
    scene.put(1)


ENQUEUES = (
    Scenario("enqueue of one job", _enqueue(1), whole=""),
    Scenario("enqueue of a batch", _enqueue(5), whole="atomic_batch"),
    Scenario("enqueue of delayed jobs", _enqueue_delayed, needs=("delay",), whole="atomic_batch"),
    Scenario(
        "enqueue with a unique key",
        _enqueue(1, unique=Unique(KEY)),
        needs=("unique",),
        whole="",
        keyed=True,
    ),
)
FETCHES = (
    Scenario("fetch of one of three jobs", _fetch(1), _three, lenient=True),
    Scenario("fetch of three jobs", _fetch(3), _three, lenient=True),
    Scenario("fetch that brings a completion", _fetch_and_settle, _three, lenient=True),
)
#: What happens to a job alone is part of what happens to it with children.
SETTLEMENTS = tuple(
    _of_kind(kind, children)
    for kind in KINDS
    for children in ((2,) if effort().tier == "quick" else (0, 2))
)
BATCHES = tuple(each for each in ENQUEUES if each.whole == "atomic_batch")
BURIALS = tuple(each for each in SETTLEMENTS if each.name.startswith("bury"))
RESULTS = (
    Scenario(
        "complete of two jobs with results",
        _settle(_complete_with_result),
        lambda scene: scene.put(2),
        needs=("results",),
    ),
)
KEYS = (
    Scenario(
        "complete of the holder of a key",
        _settle(lambda _, lease, then: Complete(lease=lease, then=then)),
        _two_of_a_key,
        needs=("unique",),
        keyed=True,
    ),
    Scenario(
        "retry of the holder of a key",
        _retry_keeping_key,
        _two_of_a_key,
        needs=("unique",),
        keyed=True,
    ),
)
LEASES = (
    Scenario("extend of three leases", _extend, lambda scene: scene.put(4), lenient=True),
    Scenario("close of a consumer", _close, _three, lenient=True, silent=True),
)
HOUSE = (
    Scenario("declare of a queue", _declare, whole=""),
    Scenario(
        "maintain of due jobs", _maintain, _leave_due, _when_due, needs=("delay",), lenient=True
    ),
    Scenario("maintain of lapsed leases", _maintain, _leave_lapsed, _when_lapsed, lenient=True),
    Scenario("maintain of ended jobs", _maintain, _leave_ended, _when_forgotten, lenient=True),
)
ADMINISTRATION = (
    Scenario("revive of all dead jobs", _revive_all, _bury_two, needs=("dead",)),
    Scenario(
        "revive of one with another body",
        _revive_edited,
        _bury_two,
        needs=("dead", "browse"),
        whole="",
    ),
    Scenario(
        "discard of one dead job", _discard_one, _bury_two, needs=("dead", "browse"), whole=""
    ),
    Scenario("discard of all dead jobs", _discard_all, _bury_two, needs=("dead",)),
    Scenario("purge of waiting jobs", _purge, _wait_and_hold),
    Scenario("cancel of two jobs", _cancel, _three, needs=("cancel",)),
    Scenario("pause of a queue", _pause, _three, needs=("pause",), whole=""),
    Scenario("resume of a queue", _resume, _leave_paused, needs=("pause",), whole=""),
)
