"""The program under test: tasks that write a diary of their own, which judges the product.

Run by real `anyjob worker` processes; the backend and everything else come from `ANYJOB_*`.
"""

import asyncio
import ctypes
import os
import re
import sqlite3
import sys
import time
from pathlib import Path
from typing import Any

from anyjob import App, Bury, Event, Retry, current_job
from tests.acceptance.diary import write

QUICKLY = Retry(max_attempts=3, initial=0.05, jitter=False)


def folder() -> Path:
    return Path(os.environ["PROGRAM_FOLDER"])


def begin() -> None:
    attempt = current_job()
    write(
        folder(),
        "begin",
        attempt.id,
        attempt=attempt.attempt,
        redeliveries=attempt.redeliveries,
        token=attempt.lease.token,
    )


def end() -> None:
    write(folder(), "end", current_job().id, token=current_job().lease.token)


def work(seconds: float = 0.0) -> str:
    begin()
    time.sleep(seconds)
    end()
    return "done"


async def awork(seconds: float = 0.0) -> str:
    begin()
    await asyncio.sleep(seconds)
    end()
    return "done"


def effect(key: int) -> None:
    """One row a key, however often it runs."""
    begin()
    with sqlite3.connect(folder() / "effects.db", timeout=30) as effects:
        effects.execute("CREATE TABLE IF NOT EXISTS effects (key INTEGER PRIMARY KEY)")
        effects.execute("INSERT OR IGNORE INTO effects VALUES (?)", (key,))
    effects.close()
    end()


def failing() -> None:
    begin()
    raise ConnectionError("the supplier is closed")


def buried() -> None:
    begin()
    raise Bury("no such customer")


def deadly() -> None:
    begin()
    os.kill(os.getpid(), 9)


def hog() -> None:
    """Hold the interpreter for a good second: a thread can be asked to end, not made to."""
    begin()
    re.match(r"(a+)+$", "a" * 25 + "b")
    end()


def clutch(seconds: float) -> None:
    """Hold the interpreter's lock for so long: no other thread of this process gets a turn."""
    begin()
    ctypes.PyDLL(None).usleep(int(seconds * 1e6))
    end()


class Unreadable(Exception):
    def __str__(self) -> str:
        raise SystemExit("no text for you")


def misbehave(how: str) -> Any:
    begin()
    match how:
        case "SystemExit":
            sys.exit(3)
        case "KeyboardInterrupt":
            raise KeyboardInterrupt
        case "unreadable":
            raise Unreadable
        case "long text":
            raise ValueError("x" * 50_000_000)
        case "causes":
            error: Exception = ValueError("the first")
            for number in range(100):
                error, cause = ValueError(f"number {number}"), error
                error.__cause__ = cause
            raise error
        case "result":
            return object()
        case "large result":
            return "x" * 50_000_000
    raise AssertionError(how)


async def amisbehave(how: str) -> None:
    begin()
    if how == "cancel":
        raise asyncio.CancelledError
    sys.exit(3)


def make(url: str | None = None, **settings: Any) -> App:
    """The app: `anyjob worker tests.acceptance.program:make()`. `settings` are more of it, such as
    the backends and queues of one that has several.
    """
    jobs = App(url, **{"queues": ["a", "b", "c"], **settings})
    for function in (work, awork, effect, deadly, clutch, misbehave, amisbehave):
        jobs.task(function)
    jobs.task(retry=QUICKLY)(failing)
    jobs.task(retry=QUICKLY)(buried)
    jobs.task(timeout=1)(hog)
    jobs.on("job.reclaimed")(note_reclaimed)
    # What the test itself has open is no part of the diary.
    if "PROGRAM_FOLDER" in os.environ:
        for name in ("lease.lost", "backend.*", "store.reset_detected"):
            jobs.on(name)(note)
    return jobs


def note_reclaimed(event: Event) -> None:
    write(folder(), "reclaimed", event.job, redeliveries=event.facts["redeliveries"])


def note(event: Event) -> None:
    named = {"backend": event.backend} if event.backend else {}
    write(folder(), event.name, event.job, **event.facts, **named)
