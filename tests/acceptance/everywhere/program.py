"""The program: `anyjob worker tests.acceptance.everywhere.program:make()`. Backend and store come
from `ANYJOB_*`, and each task writes into a diary.
"""

import os
import time

from anyjob import App, Bury, Retry
from tests.acceptance.program import begin, end

QUICKLY = Retry(max_attempts=3, initial=0.3, jitter=False)
QUEUES = ["line", "lane", "end"]


def work(seconds: float = 0.0) -> str:
    begin()
    time.sleep(seconds)
    end()
    return "done"


def failing() -> None:
    begin()
    raise ConnectionError("the supplier is closed")


def wrong(customer: str) -> None:
    begin()
    if customer == "nobody":
        raise Bury("no such customer")
    end()


def make() -> App:
    """The app. `EVERYWHERE_RETRIES=no` leaves out the task that waits between its attempts, which a
    backend without delays refuses.
    """
    jobs = App(queues=QUEUES)
    jobs.task(work)
    jobs.task(wrong)
    if os.environ.get("EVERYWHERE_RETRIES") != "no":
        jobs.task(retry=QUICKLY)(failing)
    return jobs
