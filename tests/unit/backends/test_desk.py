"""Settlements between a worker and the transaction that answers them."""

import threading
import time

import pytest

from anyjob.backends.desk import Desk
from anyjob.core.settlement import Answer, Complete, Lease, Settlement


@pytest.fixture
def desk() -> Desk:
    return Desk()


def settlement() -> Settlement:
    return Complete(lease=Lease("id", "mail", 1, b"", 5, 1, 0, b"", 0.0, 30.0))


def told(desk: Desk, seconds: float = 0.0) -> list[tuple[Settlement, Answer]]:
    collected = desk.collect(time.monotonic() + seconds)
    return [(settled.settlement, settled.answer) for settled in collected]


def test_each_settlement_is_told_once(desk: Desk) -> None:
    first, second = settlement(), settlement()
    desk.add([first, second])
    lot = desk.take()

    desk.answer(lot, [Answer.DONE, Answer.LEASE_LOST])

    assert told(desk) == [(first, Answer.DONE), (second, Answer.LEASE_LOST)]
    assert told(desk) == []


def test_what_is_put_back_leaves_first(desk: Desk) -> None:
    first, second = settlement(), settlement()
    desk.add([first])
    lot = desk.take()
    desk.add([second])

    desk.put_back(lot)

    assert desk.take() == [first, second]


def test_late_answer_is_unknown_and_never_told_again(desk: Desk) -> None:
    only = settlement()
    desk.add([only])
    lot = desk.take()

    assert told(desk) == [(only, Answer.UNKNOWN)]
    desk.answer(lot, [Answer.DONE])

    assert told(desk) == []


def test_late_lot_is_not_put_back(desk: Desk) -> None:
    desk.add([settlement()])
    lot = desk.take()
    told(desk)

    desk.put_back(lot)

    assert not desk


def test_flush_waits_for_what_is_under_way(desk: Desk) -> None:
    only = settlement()
    desk.add([only])
    lot = desk.take()
    timer = threading.Timer(0.05, desk.answer, [lot, [Answer.DONE]])
    timer.start()

    assert told(desk, 10) == [(only, Answer.DONE)]
    timer.join()


def test_empty_lot_is_nothing_under_way(desk: Desk) -> None:
    assert desk.take() == []
    assert told(desk, 10) == []
