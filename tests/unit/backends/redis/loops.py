"""What tests run in event loops, and wait for."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from anyjob.backends.redis import RedisBackend
from anyjob.backends.redis.doors import Doors
from anyjob.backends.redis.link import Link
from anyjob.backends.redis.url import parse_url
from tests.unit.backends.redis.impostor import posing

T = TypeVar("T")

#: What a call may take, and a second for the machine.
DEADLINE = 6.0


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run in a loop of its own, for longer than any deadline of ours at the most."""

    async def bounded() -> T:
        return await asyncio.wait_for(work, 30)

    return asyncio.run(bounded())


async def all_of(*answers: Awaitable[T]) -> list[T | BaseException]:
    """Each answer, or what was raised in its place."""
    return await asyncio.gather(*answers, return_exceptions=True)


async def eventually(holds: Callable[[], object]) -> None:
    """As `until`, while the loop goes on."""
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.002)


def is_any_aside() -> bool:
    """Whether a thread does what would block a loop."""
    return any(thread.name == "anyjob-redis-aside" for thread in threading.enumerate())


def wires(backend: RedisBackend) -> set[Any]:
    """The connections of a backend."""
    return backend._link._wires  # noqa: SLF001 - no other door tells of connections


@contextmanager
def door_to(answer: Callable[[list[bytes]], bytes | None]) -> Iterator[Doors]:
    """Doors to an impostor, who answers a script about the queue `mail` so, and else as if there
    were nothing.
    """

    def answer_all(words: list[bytes]) -> bytes | None:
        is_job = words[0].startswith(b"EVAL") and b"{mail}" in b"".join(words)
        return answer(words) if is_job else b"$-1\r\n"

    with posing(answer_all) as impostor:
        link = Link(parse_url(impostor.url), "names", None)
        link.open(lambda: None)
        doors = Doors(link)
        try:
            yield doors
        finally:
            doors.close()
            link.close()
