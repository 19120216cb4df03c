"""How often the jobs of a backend are looked at that tells nobody of their ends."""

import threading

import pytest

from anyjob.app.asking import Asking
from anyjob.conformance.clock import FakeClock
from tests.waiting import PATIENCE


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def asking(clock: FakeClock) -> Asking:
    return Asking(clock.monotonic)


def looks(asking: Asking, clock: FakeClock, seconds: float) -> int:
    """How often jobs are named in so many seconds, of which each hundredth is asked."""
    found = 0
    for _ in range(round(seconds * 100)):
        clock.advance(0.01)
        found += bool(asking.wait(0.0))
    return found


def test_looks_are_the_rarer_the_longer_nobody_came(asking: Asking, clock: FakeClock) -> None:
    asking.add("mail", ["one"])

    assert 16 <= looks(asking, clock, 1.0) <= 20
    looks(asking, clock, 19.0)
    assert 9 <= looks(asking, clock, 10.0) <= 10


def test_looks_come_often_again_for_one_who_comes(asking: Asking, clock: FakeClock) -> None:
    asking.add("mail", ["one"])
    looks(asking, clock, 60.0)

    asking.add("sums", ["two"])
    clock.advance(0.06)

    assert asking.wait(0.0) == {"mail": {"one"}, "sums": {"two"}}


def test_those_who_come_one_after_the_other_keep_nobody_from_being_looked_at(
    asking: Asking, clock: FakeClock
) -> None:
    found = 0
    for number in range(100):
        asking.add("mail", [str(number)])
        asking.wake()
        clock.advance(0.02)
        found += bool(asking.wait(0.0))

    assert found >= 25


def test_what_was_removed_is_not_named(asking: Asking, clock: FakeClock) -> None:
    asking.add("mail", ["one", "two"])
    asking.add("sums", ["three"])

    asking.remove("mail", ["one", "0199-never-there"])
    asking.remove("sums", ["three"])
    asking.remove("elsewhere", ["one"])
    clock.advance(1.0)

    assert asking.wait(0.0) == {"mail": {"two"}}


def test_waking_ends_a_wait_and_a_look_that_is_due_comes_next(
    asking: Asking, clock: FakeClock
) -> None:
    asking.add("mail", ["one"])
    asking.wait(0.0)
    waker = threading.Timer(0.02, asking.wake)
    waker.start()

    assert asking.wait(PATIENCE) == {}

    waker.join()
    clock.advance(1.0)
    assert asking.wait(PATIENCE) == {"mail": {"one"}}


def test_closed_watch_names_nothing(asking: Asking, clock: FakeClock) -> None:
    asking.add("mail", ["one"])

    asking.close()
    clock.advance(1.0)

    assert asking.wait(0.0) == {}
