"""A task's `enqueue`, `aenqueue` and `job` take exactly the task's own arguments."""

from datetime import timedelta
from typing import assert_type

from anyjob import App, Job

jobs = App("memory://")


@jobs.task(queue="mail", timeout=30)
def send_receipt(order_id: int, *, copy: bool = False) -> str:
    return f"{order_id} {copy}"


@jobs.task
def resize(photo: bytes, width: int = 320) -> bytes:
    return photo[:width]


@jobs.task
async def fetch_rates(base: str) -> dict[str, float]:
    return {base: 1.0}


assert_type(send_receipt.enqueue(42), Job[str])
assert_type(send_receipt.enqueue(42, copy=True), Job[str])
assert_type(send_receipt.enqueue(order_id=42), Job[str])
assert_type(resize.enqueue(b"", 640), Job[bytes])
assert_type(fetch_rates.enqueue("EUR"), Job[dict[str, float]])
assert_type(send_receipt(42), str)
assert_type(send_receipt.using(priority=9, delay=timedelta(hours=1)).enqueue(42), Job[str])

send_receipt.enqueue()  # error: an argument is missing
send_receipt.enqueue("42")  # error: the wrong type
send_receipt.enqueue(42, True)  # error: copy is keyword-only
send_receipt.enqueue(42, copies=2)  # error: no such argument
send_receipt.enqueue(42, priority=9)  # error: an option is no argument
resize.enqueue(b"", 640, 480)  # error: one argument too many
fetch_rates.enqueue(1)  # error: the wrong type
send_receipt.using(delay=60).enqueue("42")  # error: the same behind using()
send_receipt.using(priority="high")  # error: an option of the wrong type
send_receipt.using(run_at="tomorrow")  # error: the same
send_receipt.using(9)  # error: options are named

send_receipt.job(42)
send_receipt.job("42")  # error: the wrong type
jobs.enqueue_many(send_receipt.job(number) for number in range(10))
jobs.enqueue_many([send_receipt.job(1), resize.job(b"")])
jobs.enqueue_many([1, 2, 3])  # error: numbers are no jobs


async def main() -> None:
    assert_type(await send_receipt.aenqueue(42), Job[str])
    await send_receipt.aenqueue("42")  # error: the wrong type
    await fetch_rates.aenqueue()  # error: an argument is missing
