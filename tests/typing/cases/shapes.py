"""Every shape of signature keeps its meaning on the way through `job`, `enqueue` and `using`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, assert_type
from uuid import UUID

from anyjob import App, Draft, Job, Rejected, Retry

jobs = App("memory://")


@dataclass
class Order:
    id: UUID
    total: float


@jobs.task
def places(a: int, /, b: str = "b", *, c: bool) -> tuple[int, str]:
    return (a, b)


@jobs.task
def many(first: int, *rest: int, **named: str) -> None: ...


@jobs.task
def charge(order: Order, at: datetime | None = None) -> Order | None:
    return order if at else None


@jobs.task
async def rates(bases: Sequence[str]) -> dict[str, float]:
    return {}


@jobs.task
def untyped(value: Any) -> Any:
    return value


assert_type(places.enqueue(1, c=True), Job[tuple[int, str]])
assert_type(places.enqueue(1, "x", c=True).result(), tuple[int, str])
assert_type(places(1, c=True), tuple[int, str])
places.enqueue(a=1, c=True)  # error: a has a place and no name
places.enqueue(1)  # error: c is missing
places.enqueue(1, "x", True)  # error: c has a name and no place
places.enqueue(1, b=2, c=True)  # error: the wrong type

many.enqueue(1)
many.enqueue(1, 2, 3, note="x")
assert_type(many.enqueue(1), Job[None])
many.enqueue()  # error: the first is missing
many.enqueue(1, "2")  # error: the rest are numbers
many.enqueue(1, note=2)  # error: what is named is text

order = Order(UUID(int=1), 9.99)
assert_type(charge.enqueue(order), Job[Order | None])
assert_type(charge.enqueue(order, at=None).result(timeout=1), Order | None)
charge.enqueue({"id": 1})  # error: a dict is no order
charge.enqueue(order, at="noon")  # error: text is no time
paid: Order = charge.enqueue(order).result(timeout=1)  # error: there may be none

assert_type(rates.enqueue(["EUR"]), Job[dict[str, float]])
assert_type(rates.using(priority=9).enqueue(["EUR"]), Job[dict[str, float]])
rates.enqueue([1])  # error: bases are text
rates.using(timeout=None).enqueue(bases=5)  # error: the same behind using()

untyped.enqueue(object())

assert_type(charge.job(order), Draft[Order | None])
assert_type(charge.using(delay=60).job(order), Draft[Order | None])
charge.using(delay=60).job()  # error: the order is missing
assert_type(jobs.enqueue(charge.job(order)), Job[Order | None])
assert_type(jobs.enqueue_many([charge.job(order), many.job(1)]), list[Job[Any] | Rejected])
jobs.enqueue(charge)  # error: a task is no job
jobs.enqueue_many(charge.job(order))  # error: one job is not many
jobs.enqueue_many([charge])  # error: a task is no job

charge.using(delay="soon")  # error: not a duration
charge.using(run_at=timedelta(hours=1))  # error: not an instant
charge.using(retry=5)  # error: not a policy
charge.using(retry=Retry(jitter="some"))  # error: not a jitter
charge.using(headers={"a": 1})  # error: a header is text
charge.using(unique_key=5)  # error: a key is text
charge.using(60)  # error: an option is named


async def main() -> None:
    assert_type(await places.aenqueue(1, c=False), Job[tuple[int, str]])
    assert_type(await (await rates.aenqueue(["EUR"])).aresult(timeout=5), dict[str, float])
    assert_type(await rates(["EUR"]), dict[str, float])
    assert_type(await rates.using(priority=1).aenqueue(["EUR"]), Job[dict[str, float]])
    await rates.aenqueue(5)  # error: a number is no sequence
    await charge.using(delay=5).aenqueue("order")  # error: text is no order
    rates(["EUR"]).items()  # error: a coroutine is not its result
