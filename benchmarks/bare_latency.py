"""The least that a job can take from one process to another by the scripts that ship.

One process stores a job by redis-py, another waits by redis-py for the marker with the fetch behind
it, as a worker does. Neither decodes, runs or judges anything.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from anyjob.backends.redis.scripts import Plain
from benchmarks.bare import Loop
from benchmarks.processes import end, environment, start_program
from benchmarks.server import client
from benchmarks.sides import Figures
from benchmarks.slots import Slots, make

#: Seconds that one wait for the marker lasts.
_WAIT = "5"
_NUMBER = slice(-12, None)


def side(url: str, folder: str, jobs: int, first: int, gap: float) -> Figures:
    """Store jobs so many seconds apart; the quantiles of those after the `first`, in ms."""
    from benchmarks.redis_latency import quantiles

    slots = make(Path(folder) / "bare-slots", first + jobs)
    given = json.dumps({"url": url, "slots": str(Path(folder) / "bare-slots")})
    stores = Loop.at(url).stores()
    consumer = start_program(
        [sys.executable, "-m", "benchmarks.side", "benchmarks.bare_latency:consume", given],
        environment(),
        Path(folder) / "bare-log",
    )
    try:
        asked = []
        with client(url) as server:
            for number in range(first + jobs):
                asked.append(time.monotonic())
                server.evalsha(*next(stores))
                if number == 0:
                    slots.wait_for(1, timeout=30, worker=consumer)
                time.sleep(gap)
        slots.wait_for(first + jobs, timeout=30, worker=consumer)
    finally:
        end(consumer)
    return quantiles([1000 * (slots[n] - asked[n]) for n in range(first, first + jobs)])


def consume(url: str, slots: str) -> Figures:
    """Stamp the slot of each job until told to end."""
    loop, done = Loop.at(url), Slots(Path(slots))
    wait = Plain((b"BZPOPMIN", loop.keys.wake(loop.queue), _WAIT)).packed()
    settling, token = b"", 1
    with client(url) as server:
        connection = server.connection_pool.get_connection()
        while True:
            connection.send_packed_command(
                [settling + wait + loop.fetch(token).packed()], check_health=False
            )
            replies: list[Any] = [
                connection.read_response(disable_decoding=True) for _ in range(3 if settling else 2)
            ]
            ids, values = replies[-1][4][3], replies[-1][4][4]
            for id in ids:
                done.stamp(int(id[_NUMBER], 16))
            settling = loop.settle(ids, values, token).packed() if ids else b""
            token += 1
