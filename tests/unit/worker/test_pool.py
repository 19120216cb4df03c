"""The account of several fetchers: what each may ask for, and when one is called back."""

from __future__ import annotations

from typing import Any

import pytest

from anyjob.worker.held import Held
from anyjob.worker.pool import Account, Member


class Fetching(Member):
    """A member whose fetches are told, not made."""

    def __init__(self, account: Account) -> None:
        self.own = Held()
        super().__init__(account, self.own)
        account.members.append(self)
        self.recalls = self.turns = 0
        self.on_recall = self._recalled
        self.on_turn = self._turned

    def _recalled(self) -> None:
        self.recalls += 1

    def _turned(self) -> None:
        self.turns += 1

    def ask(self, credit: int = 100) -> int:
        return self.take(credit, 0)

    def bring(self, count: int) -> None:
        """End a fetch with so many jobs, which begin at once."""
        self.brought(count)
        self.own.running |= {_Job() for _ in range(count)}  # type: ignore[misc]
        self.filled()

    def end(self, count: int) -> None:
        for _ in range(count):
            self.own.running.pop()


class StoppedClock:
    """Time passes when it is told."""

    def __init__(self) -> None:
        self._now = 1000.0

    def monotonic(self) -> float:
        return self._now

    def pass_by(self, seconds: float) -> None:
        self._now += seconds


class _Job:
    task: Any = None


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock()


@pytest.fixture
def account(clock: StoppedClock) -> Account:
    return Account(8, clock.monotonic)


@pytest.fixture
def a(account: Account) -> Fetching:
    return Fetching(account)


@pytest.fixture
def b(account: Account) -> Fetching:
    return Fetching(account)


def test_credit_doubles_as_fetches_come_back_full(a: Fetching, b: Fetching) -> None:
    asked = []
    for _ in range(4):
        credit = a.ask()
        asked.append(credit)
        a.bring(credit)
        a.end(credit)

    assert asked == [1, 2, 4, 8]


def test_what_one_will_bring_is_not_asked_for_by_the_other(a: Fetching, b: Fetching) -> None:
    a.ask()
    a.bring(4)
    a.end(4)
    assert a.ask() == 8

    assert b.ask() == 0
    a.bring(8)
    assert b.ask() == 0
    a.end(3)
    assert b.ask() == 1


def test_fetch_that_waits_has_no_claim(a: Fetching, b: Fetching, clock: StoppedClock) -> None:
    a.ask()
    a.bring(4)
    a.end(4)
    a.ask()
    clock.pass_by(0.5)

    assert b.ask() == 1
    assert b.patience == pytest.approx(0.5)


def test_waiting_fetch_is_called_back_when_the_slots_are_full(
    a: Fetching, b: Fetching, clock: StoppedClock
) -> None:
    assert b.ask() == 1
    clock.pass_by(0.5)
    for credit in (1, 2, 4, 1):
        assert a.ask() == credit
        a.bring(credit)

    assert b.recalls == 1
    b.brought(0)
    assert b.ask() == 0


def test_one_that_brought_nothing_when_called_back_waits_longer_each_time(
    a: Fetching, b: Fetching, clock: StoppedClock
) -> None:
    a.own.running |= {_Job() for _ in range(7)}  # type: ignore[misc]
    pauses = []
    for _ in range(6):
        assert b.ask() == 1
        clock.pass_by(0.5)
        assert a.ask() == 1
        a.bring(1)
        b.brought(0)
        pauses.append(round(b.patience, 3))
        a.end(1)
        clock.pass_by(1)

    assert pauses == [0.05, 0.1, 0.2, 0.4, 0.5, 0.5]


def test_those_without_room_take_turns(a: Fetching, b: Fetching) -> None:
    a.own.running |= {_Job() for _ in range(8)}  # type: ignore[misc]
    assert (b.ask(), a.ask()) == (0, 0)
    a.end(2)

    assert a.ask() == 0
    assert b.ask() == 1
    assert a.turns == 1
    assert a.ask() == 1


def test_one_that_wants_nothing_lets_the_next_go_first(a: Fetching, b: Fetching) -> None:
    a.own.running |= {_Job() for _ in range(8)}  # type: ignore[misc]
    assert (b.ask(), a.ask()) == (0, 0)
    b.leave()
    a.end(1)

    assert a.ask() == 1


def test_buffer_of_short_jobs_takes_no_slot_from_the_other(a: Fetching, b: Fetching) -> None:
    a.own.waiting |= {_Job() for _ in range(50)}  # type: ignore[misc]
    a.take(0, 60)

    assert b.ask() == 0  # it is the other's turn
    a.leave()
    assert b.ask() == 1
    assert b.spare() == 8
