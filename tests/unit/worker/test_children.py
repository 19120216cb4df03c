"""Children that go to another backend: stored before their parent's end, never lost."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from random import Random

import msgspec
import pytest

from anyjob import State
from anyjob.backends.registry import BACKENDS
from anyjob.core.backend import Consumer, QueueShare
from anyjob.core.envelope import Envelope, Rejected
from anyjob.core.errors import InvalidOption
from anyjob.core.ids import IdMaker
from anyjob.core.outcome import Succeeded
from anyjob.core.settlement import Complete, Lease
from anyjob.core.wire import Body, encode_body
from anyjob.worker.children import ParentsHeld, Send, Way
from anyjob.worker.held import Finished
from anyjob.worker.log import Log
from anyjob.worker.outage import Outage
from tests.unit.worker.several import EVERYTHING, Lined, Two
from tests.waiting import until

new_id = IdMaker(Random(7).getrandbits)
ROUTES = {"left": "one", "right": "two", "far": "three"}.get


@pytest.fixture
def two(monkeypatch: pytest.MonkeyPatch) -> Iterator[Two]:
    monkeypatch.setitem(BACKENDS, "lined", f"{Lined.__module__}:Lined")
    made = Two()
    yield made
    made.close()


def envelope(queue: str) -> Envelope:
    id, now = new_id(time.time()), time.time()
    body = Body(v=1, id=id, task="work", args=msgspec.Raw(b"{}"), queue=queue, enqueued_at=now)
    return Envelope(id, queue, encode_body(body))


MakeWay = Callable[[str, Send], Way]


@pytest.fixture
def way() -> Iterator[MakeWay]:
    """Makes ways, which end with the test."""
    made: list[Way] = []

    def make(name: str, send: Send) -> Way:
        log = Log(time.monotonic)
        outage = Outage(log, lambda *_, **__: None, Random(1))
        made.append(Way(name, ROUTES, send, outage, log))
        return made[-1]

    yield make
    for one in made:
        one.stop()
    until(lambda: not any("anyjob-children" in t.name for t in threading.enumerate()))


class Parents:
    """Two leased jobs of "left", and whoever settles them there."""

    def __init__(self, two: Two) -> None:
        self.backend = two.app.at("one").backend
        self.backend.enqueue([envelope("left"), envelope("left")])
        self.consumer: Consumer = self.backend.consume(
            [QueueShare("left")], lease=30, worker="parents"
        )
        self.first, self.second = self.consumer.fetch(2, 5)
        self.held: ParentsHeld

    def end(self, lease: Lease, *children: Envelope) -> None:
        settlement = Complete(lease=lease, then=children)
        self.held.finish(Finished(lease, None, Succeeded(None), settlement, 0.0))

    def flush(self) -> None:
        self.held.hand_over(self.consumer)
        self.held.answered(self.consumer.flush(5))

    def are_settled(self) -> bool:
        self.flush()
        return self.held.is_settled

    def state(self, lease: Lease) -> State | None:
        record = self.backend.get("left", [lease.id])[0]
        return None if record is None else record.state


@pytest.fixture
def parents(two: Two) -> Iterator[Parents]:
    made = Parents(two)
    yield made
    made.consumer.close(release=True)


def sending(two: Two) -> Send:
    backend = two.app.at("two").backend
    return backend.enqueue


def test_child_is_stored_before_its_parent_ends(two: Two, parents: Parents, way: MakeWay) -> None:
    seen: list[State | None] = []

    def send(children: Sequence[Envelope]) -> Sequence[object]:
        parents.flush()
        seen.append(parents.state(parents.first))
        return sending(two)(children)

    parents.held = ParentsHeld({"two": way("two", send)}, ROUTES)
    child = envelope("right")
    parents.end(parents.first, child)
    until(parents.are_settled)

    assert seen == [State.LEASED]
    assert parents.state(parents.first) is State.SUCCEEDED
    stored = two.app.at("two").backend.get("right", [child.id])[0]
    assert stored is not None
    assert stored.state is State.READY


def test_parent_waits_for_a_backend_that_is_away_and_others_do_not(
    two: Two, parents: Parents, way: MakeWay
) -> None:
    two.app.open()
    two.two.cut = set(EVERYTHING)
    parents.held = held = ParentsHeld({"two": way("two", sending(two))}, ROUTES)
    child = envelope("right")
    parents.end(parents.first, child)
    parents.end(parents.second)
    until(lambda: two.two.tried.get("enqueue", 0) > 1, "for it to be tried again")
    parents.flush()

    assert parents.state(parents.second) is State.SUCCEEDED
    assert parents.state(parents.first) is State.LEASED
    assert held.leases() == [parents.first]
    assert (held.is_settled, held.pending) == (False, 1)
    assert not held.are_settled([parents.first])
    assert held.are_settled([parents.second])

    two.two.cut = set()
    until(parents.are_settled)
    assert parents.state(parents.first) is State.SUCCEEDED
    assert two.app.counts("right").ready == 1


def test_children_near_and_far_all_come(two: Two, parents: Parents, way: MakeWay) -> None:
    far: list[Envelope] = []

    def note(children: Sequence[Envelope]) -> Sequence[object]:
        far.extend(children)
        return [None]

    ways = {
        "two": way("two", sending(two)),
        "three": way("three", note),
    }
    parents.held = ParentsHeld(ways, ROUTES)
    children = [envelope(queue) for queue in ("left", "right", "far")]
    parents.end(parents.first, *children)
    until(parents.are_settled)

    assert two.app.counts("left").ready == 1
    assert two.app.counts("right").ready == 1
    assert far == [children[2]]


def refusing(_: Sequence[Envelope]) -> Sequence[object]:
    raise InvalidOption("expected something else")


@pytest.mark.parametrize("send", [refusing, lambda _: [Rejected("not wanted")]])
def test_parent_of_children_that_are_refused_is_kept_for_a_person(
    parents: Parents, send: Send, way: MakeWay
) -> None:
    parents.held = ParentsHeld({"two": way("two", send)}, ROUTES)
    parents.end(parents.first, envelope("right"))
    until(parents.are_settled)

    record = parents.backend.get("left", [parents.first.id])[0]
    assert record is not None
    assert (record.state, record.reason) == (State.DEAD, "its children were refused")


def test_stopped_way_leaves_the_parent_to_its_lease(
    two: Two, parents: Parents, way: MakeWay
) -> None:
    two.app.open()
    two.two.cut = set(EVERYTHING)
    stopped = way("two", sending(two))
    parents.held = ParentsHeld({"two": stopped}, ROUTES)
    parents.end(parents.first, envelope("right"))
    until(lambda: two.two.tried.get("enqueue", 0) > 0)
    stopped.stop()
    two.two.cut = set()
    parents.flush()

    assert parents.state(parents.first) is State.LEASED
    assert parents.held.pending == 1
