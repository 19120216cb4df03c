"""A result has the type that its task returns."""

from datetime import timedelta
from typing import assert_type

from anyjob import App

jobs = App("memory://")


@jobs.task
def total(numbers: list[int]) -> int:
    return sum(numbers)


@jobs.task
async def names() -> list[str]:
    return []


assert_type(total.enqueue([1, 2]).result(timeout=5), int)
assert_type(names.enqueue().result(timeout=timedelta(seconds=5)), list[str])

text: str = total.enqueue([1, 2]).result(timeout=5)  # error: an int is no str
total.enqueue([1, 2]).result(timeout="soon")  # error: not a duration


async def main() -> None:
    assert_type(await total.enqueue([1]).aresult(timeout=5), int)
    assert_type(await names(), list[str])
