"""How many jobs a second are stored in Redis, beside bare loops of the same script and peers."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from benchmarks.bare import AT_ONCE
from benchmarks.peers.field import Comparison, Field, field, own_row
from benchmarks.peers.roster import Peer
from benchmarks.result import Result, Target
from benchmarks.server import empty, server
from benchmarks.settings import Settings
from benchmarks.sides import Figures, Side, alternate_leniently, column, ratios
from benchmarks.spin import awake
from benchmarks.storing import many_for, one_by_one_for
from benchmarks.tasks import application, task

_ONE = Comparison(
    measurement="redis_enqueue",
    label="one",
    title="Redis: enqueue one by one",
    unit="jobs/s",
)
_MANY = Comparison(
    measurement="redis_enqueue",
    label="many",
    title="Redis: enqueue many at once, of those that have a call for it",
    unit="jobs/s",
)
_BARE = (
    ("one", "bare", "`enqueue` one by one", "a bare redis-py loop", 0.8),
    ("alone", "bare_alone", "`aenqueue` one by one", "a bare redis.asyncio loop", 0.9),
    ("hundred", "bare_hundred", f"`aenqueue` {AT_ONCE} at once", "a bare gather of as many", 3.0),
)


def measure(settings: Settings) -> list[Result]:
    """Enqueue by anyjob, by bare loops and by the peers in turn."""
    peers = field(settings)
    with server(settings.folder) as url, awake():
        given = {"url": url, "seconds": _seconds(settings)}
        theirs = _theirs(peers, {**given, "folder": str(settings.folder)})
        rounds = alternate_leniently(_ours(given) | theirs, settings.rounds, theirs)
    figures = rounds.figures
    return [
        *(result for each in _BARE for result in _beside_bare(figures, *each)),
        peers.ratio(
            _ONE,
            rounds,
            figures["one"],
            "Redis: `enqueue` one by one, times the best peer's that acknowledges late",
            "one_by_peer",
            Target("least", 1),
        ),
        peers.ratio(
            _MANY,
            rounds,
            figures["many"],
            "Redis: `enqueue_many`, times the best bulk of a peer",
            "many_by_peer",
            Target("least", 8),
            among=_has_bulk,
        ),
        own_row(_ONE, figures["one"], "`enqueue`"),
        own_row(_ONE, figures["alone"], "`aenqueue`"),
        *peers.rows(_ONE, rounds),
        own_row(_MANY, figures["many"], "`enqueue_many`"),
        own_row(_MANY, figures["hundred"], f"`aenqueue`, {AT_ONCE} at once"),
        *peers.rows(_MANY, rounds, _has_bulk),
    ]


def _has_bulk(peer: Peer) -> bool:
    return peer.has_bulk


def _seconds(settings: Settings) -> float:
    """Shorter than a drain: nothing has to start, and memory is filled."""
    return 0.4 if settings.is_quick else 1.5


def _ours(given: dict[str, Any]) -> dict[str, Side]:
    return {
        "one": Side("benchmarks.redis_enqueue:one", given),
        "bare": Side("benchmarks.bare:enqueue", given),
        "alone": Side("benchmarks.redis_enqueue:from_loop", {**given, "at_once": 1}),
        "bare_alone": Side("benchmarks.bare:aenqueue", {**given, "at_once": 1}),
        "hundred": Side("benchmarks.redis_enqueue:from_loop", {**given, "at_once": AT_ONCE}),
        "bare_hundred": Side("benchmarks.bare:aenqueue", {**given, "at_once": AT_ONCE}),
        "many": Side("benchmarks.redis_enqueue:many", given),
    }


def _theirs(peers: Field, given: dict[str, Any]) -> dict[str, Side]:
    many = peers.sides(_MANY, "enqueue", _has_bulk, **given, how="many")
    return peers.sides(_ONE, "enqueue", **given, how="one") | many


def _beside_bare(
    figures: dict[str, list[Figures]], ours: str, bare: str, title: str, loop: str, target: float
) -> list[Result]:
    limit = column(figures[bare], "rate")
    return [
        Result(
            measurement="redis_enqueue",
            figure=f"{ours}_by_bare",
            title=f"Redis: {title}, of the rate of {loop} over the same script",
            unit="x",
            samples=ratios(column(figures[ours], "rate"), limit),
            target=Target("least", target),
        ),
        Result(
            measurement="redis_enqueue",
            figure=bare,
            title=f"Redis: {loop} over the script that ships",
            unit="jobs/s",
            samples=limit,
        ),
    ]


def one(url: str, seconds: float) -> Figures:
    """One by one, for so long."""
    empty(url)
    return one_by_one_for(seconds, url)


def from_loop(url: str, seconds: float, at_once: int) -> Figures:
    """From an event loop, so many at a time."""
    empty(url)
    return asyncio.run(_from_loop(url, seconds, at_once))


async def _from_loop(url: str, seconds: float, at_once: int) -> Figures:
    with application(url) as app:
        noop = task(app, "noop")
        await noop.aenqueue(0)
        began = time.perf_counter()
        number = 0
        while time.perf_counter() - began < seconds:
            if at_once == 1:
                await noop.aenqueue(number)
            else:
                await asyncio.gather(*(noop.aenqueue(number) for _ in range(at_once)))
            number += at_once
        return {"rate": number / (time.perf_counter() - began)}


def many(url: str, seconds: float) -> Figures:
    """By `enqueue_many`, for so long."""
    empty(url)
    return many_for(seconds, url)
