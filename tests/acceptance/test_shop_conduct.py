"""Whether premium orders of examples/shop went first, and when that cannot be said."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from examples.shop import orders as orders_module
from examples.shop.conduct import premium_went_first, supplier_was_asked_again
from examples.shop.evidence import Asked, Evidence
from examples.shop.history import History
from examples.shop.journal import AnyEvent, Ended, Enqueued, Started
from examples.shop.orders import Order, Plan, read_orders
from examples.shop.report import remarks
from examples.shop.supplier import FIRST_WAIT

ORDERS = read_orders(Path(orders_module.__file__).with_name("orders.csv"))


def some(plan: Plan, count: int) -> list[Order]:
    return [order for order in ORDERS if order.plan == plan][:count]


def ran(orders: list[Order], wait: float) -> Iterator[AnyEvent]:
    for order in orders:
        yield Enqueued(at=0, job=order.id, task="receipt", about=order.id, plan=order.plan, delay=0)
        yield Started(at=wait, job=order.id, task="receipt", attempt=1, pid=7)
        yield Ended(at=wait + 1, job=order.id, task="receipt", attempt=1, pid=7, error=None)


def evidence(orders: list[Order], *events: AnyEvent) -> Evidence:
    told = History()
    told.add(events)
    asked = Asked(backend="memory", processes=False, photos={})
    return Evidence(Path("out"), asked, orders, told)


def test_premium_orders_that_waited_longer_are_amiss() -> None:
    premium, free = some(Plan.PREMIUM, 10), some(Plan.FREE, 10)

    wrong = evidence([*premium, *free], *ran(premium, 3), *ran(free, 2))
    right = evidence([*premium, *free], *ran(premium, 1), *ran(free, 2))

    said = "premium orders waited 3.00 s (median), free ones 2.00 s"
    assert list(premium_went_first(wrong)) == [said]
    assert said in remarks(wrong)
    assert list(premium_went_first(right)) == []


@pytest.mark.parametrize("plan", Plan)
def test_plan_without_waits_is_amiss(plan: Plan) -> None:
    all_orders = {each: some(each, 10) for each in Plan}
    (other,) = [each for each in Plan if each != plan]

    found = evidence([*all_orders[plan], *all_orders[other]], *ran(all_orders[other], 1))

    assert list(premium_went_first(found)) == [
        f"{plan} orders: the journal lacks how long they waited"
    ]


@pytest.mark.parametrize(
    ("premium", "free", "few"),
    [(9, 10, "premium"), (10, 0, "free"), (1, 1, "free and premium")],
)
def test_orders_of_a_plan_that_are_too_few_are_not_judged(
    premium: int, free: int, few: str
) -> None:
    first, second = some(Plan.PREMIUM, premium), some(Plan.FREE, free)

    found = evidence([*first, *second], *ran(first, 3), *ran(second, 2))

    assert list(premium_went_first(found)) == []
    assert f"not judged: who went first, for there are fewer than 10 {few} orders" in remarks(found)


def frames(*runs: tuple[int, float]) -> Evidence:
    """What is told of one order of frames: its attempts, and when each began; each took 0.1 s."""
    [order] = some(Plan.PREMIUM, 1)
    events: list[AnyEvent] = [
        Enqueued(at=0, job="1", task="frames", about=order.id, plan=order.plan, delay=0)
    ]
    for attempt, at in runs:
        pid = int(at * 10)
        started = Started(at=at, job="1", task="frames", attempt=attempt, pid=pid)
        ended = Ended(at=at + 0.1, job="1", task="frames", attempt=attempt, pid=pid, error="503")
        events += [started, ended]
    return evidence([order], *events)


def test_order_of_frames_that_was_retried_too_soon_is_amiss() -> None:
    soon = frames((1, 1.0), (2, 1.05 + FIRST_WAIT))
    late = frames((1, 1.0), (2, 1.15 + FIRST_WAIT))

    [said] = supplier_was_asked_again(soon)
    assert f"retried before {FIRST_WAIT} s had passed" in said
    assert list(supplier_was_asked_again(late)) == []


def test_order_of_frames_that_a_killed_worker_left_twice_is_judged_by_one_of_them() -> None:
    twice = frames((1, 1.0), (1, 1.1 + FIRST_WAIT), (2, 1.2 + FIRST_WAIT))

    assert list(supplier_was_asked_again(twice)) == []
