"""A filebox whose user is killed at each step on the disk: nothing is lost, nothing is doubled."""

import os
import signal
import sys
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from anyjob.backends import (
    Abandon,
    Bury,
    Complete,
    Consumer,
    End,
    Envelope,
    Lease,
    QueueShare,
    Release,
    Retry,
    Settlement,
    State,
)
from anyjob.conformance import FakeClock
from filebox.backend import FileBackend

LEASE = 30.0
#: What Python tells of each step on the disk, before it is taken.
STEPS = {"open", "os.rename", "os.remove", "os.mkdir", "os.listdir"}
KINDS: dict[str, Callable[..., Settlement]] = {
    "complete": Complete,
    "complete-outcome": partial(Complete, outcome=b"result"),
    "retry": partial(Retry, note=b"error"),
    "retry-later": partial(Retry, delay=5.0),
    "release": Release,
    "bury": partial(Bury, reason="broken", note=b"error"),
    "end": partial(End, state="expired"),
    "abandon": Abandon,
}
#: What a settlement makes of its job, as the queue shows it at once.
BECOMES = {
    "complete": State.SUCCEEDED,
    "complete-outcome": State.SUCCEEDED,
    "retry-later": State.SCHEDULED,
    "bury": State.DEAD,
    "end": State.EXPIRED,
}


class Box:
    """A queue in a folder of its own, and who uses it."""

    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock()
        self.backend = FileBackend(f"filebox:///{folder}/jobs", clock=self.clock)
        self.backend.open()
        self.ids: list[str] = []

    def jobs(self, count: int) -> list[Envelope]:
        ids = [f"01890a5d-ac96-774b-bcce-{len(self.ids) + n:012x}" for n in range(count)]
        self.ids += ids
        return [Envelope(id=job_id, queue="line", body=job_id.encode()) for job_id in ids]

    def put(self, count: int) -> None:
        self.backend.enqueue(self.jobs(count))

    def consumer(self) -> Consumer:
        return self.backend.consume([QueueShare("line")], lease=LEASE, worker="worker")

    def bury(self, count: int) -> None:
        self.put(count)
        consumer = self.consumer()
        consumer.settle([Bury(lease=each, reason="broken") for each in consumer.fetch(count, 0.0)])
        consumer.flush(5.0)

    def states(self) -> list[State | None]:
        """Of all jobs, in the order in which they were made."""
        records = self.backend.get("line", self.ids)
        return [None if record is None else record.state for record in records]

    def drained(self) -> list[Lease]:
        """Every job that comes, once all that was leased or delayed is over."""
        self.clock.advance(LEASE + 10.0)
        consumer, found = self.consumer(), list[Lease]()
        while leases := consumer.fetch(10, 0.0):
            consumer.settle([Complete(lease=lease) for lease in leases])
            consumer.flush(5.0)
            found += leases
        return found


def killed_at(step: int, box: Box, act: Callable[[], object]) -> bool:
    """Act in a child that is killed just before its n-th step; False if it has no such step."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if not child:
        left = step

        def count(event: str, _: object) -> None:
            nonlocal left
            left -= event in STEPS
            if event in STEPS and not left:
                os.kill(os.getpid(), signal.SIGKILL)

        try:
            # A child has to open it anew; what was prepared is then the child's own.
            box.backend.open()
            sys.addaudithook(count)
            act()
        except BaseException:  # whatever it is, the parent's stack is no place to raise it
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, "it failed, see above"
    return os.WIFSIGNALED(status)


def deaths(
    folder: Path, prepare: Callable[[Box], Callable[[], object]]
) -> Iterator[tuple[Box, bool]]:
    """The box after each death of what `prepare` returned, and at last after it was not killed."""
    for step in range(1, 200):
        box = Box(folder / str(step))
        is_dead = killed_at(step, box, prepare(box))
        yield box, is_dead
        if not is_dead:
            assert step > 1, "nothing was done on the disk"
            return
    raise AssertionError("it never came to an end")


def test_enqueue_stores_whole_jobs_or_none(tmp_path: Path) -> None:
    stored = Counter[int]()

    for box, is_dead in deaths(tmp_path, lambda box: partial(box.backend.enqueue, box.jobs(3))):
        found = box.drained()
        assert all(lease.body == lease.id.encode() for lease in found)
        assert len({lease.id for lease in found}) == len(found)
        assert is_dead or len(found) == 3
        stored[len(found)] += 1

    assert set(stored) == {0, 1, 2, 3}


def test_fetch_loses_no_job_and_counts_each_lost_lease_once(tmp_path: Path) -> None:
    lost = Counter[int]()

    def prepare(box: Box) -> Callable[[], object]:
        box.put(3)
        return partial(box.consumer().fetch, 3, 0.0)

    for box, _ in deaths(tmp_path, prepare):
        found = box.drained()
        assert sorted(lease.id for lease in found) == box.ids
        assert {lease.attempt for lease in found} == {1}
        lost[sum(lease.redeliveries for lease in found)] += 1

    assert set(lost) == {0, 1, 2, 3}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("children", [0, 2])
def test_settlement_is_done_or_its_job_comes_again(
    tmp_path: Path, kind: str, children: int
) -> None:
    seen = set[State | None]()

    def prepare(box: Box) -> Callable[[], object]:
        box.put(1)
        consumer = box.consumer()
        [lease] = consumer.fetch(1, 0.0)
        consumer.settle([KINDS[kind](lease=lease, then=tuple(box.jobs(children)))])
        return partial(consumer.flush, 5.0)

    for box, is_dead in deaths(tmp_path, prepare):
        state, *sent = box.states()
        is_done = state is not State.LEASED
        seen.add(state)
        assert is_done or is_dead
        assert not is_done or sent == [State.READY] * children
        delivered = Counter(lease.id for lease in box.drained())
        ends_here = state in (State.SUCCEEDED, State.EXPIRED, State.DEAD)
        assert delivered[box.ids[0]] == (0 if ends_here else 1)
        assert all(delivered[job_id] <= 1 for job_id in box.ids)

    assert seen == {State.LEASED, BECOMES.get(kind, State.READY)}


def test_extended_lease_stays_with_its_job(tmp_path: Path) -> None:
    def prepare(box: Box) -> Callable[[], object]:
        box.put(2)
        consumer = box.consumer()
        return partial(consumer.extend, consumer.fetch(2, 0.0), LEASE)

    for box, _ in deaths(tmp_path, prepare):
        assert box.states() == [State.LEASED] * 2
        assert sorted(lease.id for lease in box.drained()) == box.ids


def test_revived_job_is_dead_or_ready_and_whole(tmp_path: Path) -> None:
    seen = Counter[State | None]()

    def prepare(box: Box) -> Callable[[], object]:
        box.bury(2)
        return partial(box.backend.revive, "line", None, edit={box.ids[0]: b"mended"})

    for box, _ in deaths(tmp_path, prepare):
        states = box.states()
        seen.update(states)
        bodies = {lease.id: lease.body for lease in box.drained()}
        whole = {box.ids[0]: b"mended", box.ids[1]: box.ids[1].encode()}
        ready = [each for each, state in zip(box.ids, states, strict=True) if state is State.READY]
        assert bodies == {job_id: whole[job_id] for job_id in ready}

    assert set(seen) == {State.DEAD, State.READY}


@pytest.mark.parametrize("call", ["discard", "purge", "maintain"])
def test_what_removes_jobs_removes_no_other(tmp_path: Path, call: str) -> None:
    def prepare(box: Box) -> Callable[[], object]:
        box.bury(2)
        box.put(2)
        box.drained()
        box.clock.advance(100.0)
        box.put(2)
        calls: dict[str, Callable[[], object]] = {
            "discard": partial(box.backend.discard, "line", None),
            "purge": partial(box.backend.purge, "line", [State.READY]),
            "maintain": partial(box.backend.maintain, 1.0),
        }
        return calls[call]

    gone = {"discard": slice(0, 2), "maintain": slice(2, 4), "purge": slice(4, 6)}[call]
    for box, is_dead in deaths(tmp_path, prepare):
        states = box.states()
        assert is_dead or states[gone] == [None, None]
        states[gone] = []
        assert len(states) == 4
        assert None not in states


def test_draft_of_the_dead_goes_after_an_hour(tmp_path: Path) -> None:
    box = Box(tmp_path)
    box.put(1)
    assert killed_at(4, box, partial(box.backend.enqueue, box.jobs(3)))
    drafts = tmp_path / "jobs" / "anyjob" / "line" / "new"
    assert list(drafts.iterdir())

    box.backend.maintain(1.0)
    assert list(drafts.iterdir())
    box.clock.advance(3601.0)
    box.backend.maintain(1.0)

    assert not list(drafts.iterdir())
    assert box.states()[0] is State.READY
