"""Tasks that do not end at their time limit: `tests.acceptance.overtime:make()`."""

from __future__ import annotations

import asyncio
import time

from anyjob import App, current_job
from tests.acceptance import program
from tests.acceptance.program import QUICKLY, begin, end, folder

LIMIT = 0.5


def let_go() -> bool:
    """Whether the test lets the stubborn ones end."""
    return (folder() / "let-go").exists()


def polite() -> None:
    """Look whether it should end, as a thread has to."""
    begin()
    while not current_job().cancelled:
        time.sleep(0.01)
    end()
    raise RuntimeError("I was asked to end")


def polite_and_done() -> str:
    begin()
    while not current_job().cancelled:
        time.sleep(0.01)
    end()
    return "done all the same"


def stubborn() -> str:
    begin()
    while not let_go():
        time.sleep(0.01)
    end()
    return "too late"


def patient() -> None:
    """Take as long as the stubborn ones, and be allowed to."""
    stubborn()


async def asleep() -> None:
    begin()
    try:
        await asyncio.sleep(60)
    finally:
        end()


async def deaf() -> str:
    """Swallow every cancellation."""
    begin()
    while not let_go():
        try:
            await asyncio.sleep(0.01)
        except asyncio.CancelledError:
            continue
    end()
    return "too late"


def make(url: str | None = None) -> App:
    jobs = App(url)
    jobs.task(program.work)
    jobs.task(patient)
    for function in (polite, polite_and_done, stubborn):
        jobs.task(timeout=LIMIT)(function)
    for coroutine in (asleep, deaf):
        jobs.task(timeout=LIMIT)(coroutine)
    jobs.task(timeout=LIMIT, retry=QUICKLY, name="stubborn_thrice")(stubborn)
    return jobs
