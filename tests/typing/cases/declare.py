"""What a task, a policy, a middleware and a subscriber are declared with."""

from collections.abc import Generator
from datetime import timedelta
from typing import assert_type

from anyjob import App, Attempt, Event, Job, Middleware, Outcome, Retry, current_job

Around = Generator[None, Outcome, Outcome | None]

jobs = App("memory://")


@jobs.task(name="mail.receipt", aliases=["receipt"], queue="mail", priority=9)
def send_receipt(order_id: int) -> None:
    assert_type(current_job(), Attempt)


@jobs.task(retry=Retry(max_attempts=3, backoff="linear", cap=timedelta(minutes=5)), timeout=30)
async def publish(order_id: int) -> int:
    return order_id


class Clerk:
    @jobs.task
    @staticmethod
    def file(letter: str) -> int:
        return len(letter)


assert_type(Clerk.file.enqueue("dear"), Job[int])
Clerk.file.enqueue(1)  # error: the wrong type behind a class

jobs.task(priority="high")  # error: an option of the wrong type
jobs.task(queue=1)  # error: the same
jobs.task(42)  # error: not a function
Retry(max_attempts="many")  # error: not a number
Retry(backoff="cubic")  # error: not a backoff
Retry(5)  # error: a policy's fields are named


class Timing(Middleware):
    def around(self, attempt: Attempt) -> Around:
        outcome = yield
        assert_type(outcome, Outcome)
        return outcome


class Blind(Middleware):
    def around(self) -> Around:  # error: the attempt is missing
        return (yield)


App("memory://", middleware=[Timing()])
App("memory://", middleware=[print])  # error: not a middleware


@jobs.on("job.dead")
def alert(event: Event) -> None:
    event.name.upper()


@jobs.on("job.dead")  # error: a subscriber takes an event
def deaf(number: int) -> None:
    number.bit_length()
