"""What tests run in event loops, and wait for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

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
