"""What waiting jobs cost the server, and whether many of them make the next one dearer."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import redis

from anyjob.backends.redis.keys import Keys
from anyjob.backends.redis.scripts import Call
from anyjob.core.options import DEFAULT_QUEUE
from benchmarks.bare import LOT, Loop
from benchmarks.content import content
from benchmarks.delayed import growth_on
from benchmarks.peers.field import Comparison, Field, field, own_row, side_name
from benchmarks.peers.memory import DELAY, LATER, SOME, fill_peers
from benchmarks.result import Result, Target
from benchmarks.server import client, empty, server, used_memory
from benchmarks.settings import Settings
from benchmarks.sides import Figures, Rounds
from benchmarks.tasks import application, task

#: Ready jobs of the queue that a full one is compared with.
FEW = 1_000
_BESIDE = "beside"
#: Lots of 100 that are fetched from each.
FETCHES = 50
_BODY = slice(7, None)
#: Bytes of an envelope that carries a few arguments; the allocator rounds each size differently.
USUAL = 300
#: A header's text fills an envelope up to that; a delay is written in it too.
_REST, _REST_OF_DELAYED = 156, 141


def measure(settings: Settings) -> list[Result]:
    """Fill a server, fetch from it, and watch a worker's memory beside jobs that are delayed."""
    # The short run's are a sixteenth and an eighth: a hash table doubles, so that it is as full.
    ready = 62_500 if settings.is_quick else 1_000_000
    scheduled = 12_500 if settings.is_quick else 100_000
    rounds = 1 if settings.is_quick else 3
    peers = field(settings)
    with server(settings.folder) as url:
        delayed = [_beyond(url, scheduled, delay=DELAY) for _ in range(rounds)]
        usual_delayed = [_beyond(url, scheduled, delay=DELAY, usual=True) for _ in range(rounds)]
        growth = growth_on(settings, "redis_memory", "Redis", url)
        queued, usual, claims = [], [], []
        for _ in range(rounds):
            queued.append(_beyond(url, ready))
            claims.append(_claim(url))
            usual.append(_beyond(url, ready, usual=True))
        ours = _all(url, scheduled)
    theirs = fill_peers(peers, scheduled, settings)
    ours["worker"] = next(each.value for each in growth if each.figure == "absolute")
    return [
        *(
            _bytes(figure, f"Redis: memory of a {kind} job beyond its envelope {of}", samples, most)
            for figure, kind, of, samples, most in (
                ("ready", "ready", f"of {USUAL} bytes, of {ready}", usual, 160),
                ("ready_small", "ready", f"of a no-op's 122 bytes, of {ready}", queued, 160),
                ("delayed", "delayed", f"of {USUAL} bytes, of {scheduled}", usual_delayed, 280),
                ("delayed_small", "delayed", f"of a no-op's, of {scheduled}", delayed, 280),
            )
        ),
        Result(
            measurement="redis_memory",
            figure="claim",
            title=f"Redis: the time to lease one of {ready} jobs, of that for one of {FEW}",
            unit="x",
            samples=claims,
            target=Target("most", 1.2),
        ),
        *growth,
        *_beside_peers(peers, scheduled, ours, theirs),
    ]


def _beside_peers(
    peers: Field, jobs: int, ours: Figures, theirs: Mapping[str, Figures]
) -> list[Result]:
    rows = []
    for of, title, unit in (
        ("ready", "the server's memory for a job that waits, of", "bytes"),
        ("delayed", "the server's memory for a job that is due in an hour, of", "bytes"),
        (
            "worker",
            "a worker's memory in its first minute beside jobs that are due in an hour,",
            "MiB",
        ),
    ):
        comparison = Comparison(
            measurement="redis_memory",
            label="memory",
            title=f"Redis: {title} {jobs}",
            unit=unit,
            of=of,
            is_less_better=True,
        )
        sides = {side_name(comparison, name): [each] for name, each in theirs.items()}
        peers.notes = {name: _note(name, of, each) for name, each in theirs.items()}
        rows.append(own_row(comparison, [ours], _note("", of, ours)))
        rows.extend(peers.rows(comparison, Rounds(sides)))
    return rows


def _note(name: str, of: str, figures: Figures) -> str:
    """What a row says of a job's own bytes, and of what a delay takes."""
    told = [f"{figures['content']:.0f} bytes of values"] if of == "ready" else []
    if of != "ready" and name in LATER:
        told.append(LATER[name].told)
    return "; ".join(told)


def _bytes(figure: str, title: str, samples: list[float], most: float) -> Result:
    return Result(
        measurement="redis_memory",
        figure=figure,
        title=title,
        unit="bytes",
        samples=samples,
        target=Target("most", most),
    )


def _beyond(url: str, jobs: int, delay: float | None = None, *, usual: bool = False) -> float:
    """Fill an empty server; the bytes that it uses for a job, less those of the job's envelope."""
    before = _emptied(url)
    rest = _REST if delay is None else _REST_OF_DELAYED
    _fill(url, jobs, delay, headers={"note": "." * rest} if usual else {})
    with client(url) as server:
        return (used_memory(url) - before) / jobs - _envelope(server)


def _all(url: str, jobs: int) -> Figures:
    """The bytes that the server uses for a job with its envelope, ready and delayed."""
    _emptied(url)
    _fill(url, SOME)
    enveloped = content(url) / SOME
    before = _emptied(url)
    _fill(url, jobs)
    ready = (used_memory(url) - before) / jobs
    before = _emptied(url)
    _fill(url, jobs, DELAY)
    delayed = (used_memory(url) - before) / jobs
    return {"content": enveloped, "ready": ready, "delayed": delayed}


def _emptied(url: str) -> int:
    """The bytes that an empty server uses."""
    empty(url)
    return used_memory(url)


def _fill(
    url: str,
    jobs: int,
    delay: float | None = None,
    queue: str = DEFAULT_QUEUE,
    headers: Mapping[str, str] = MappingProxyType({}),
) -> None:
    with application(url, [queue]) as app:
        filled = task(app, "noop").using(queue=queue, delay=delay, headers=headers)
        app.enqueue_many(filled.job(number) for number in range(jobs))


def _envelope(server: redis.Redis) -> float:
    """The mean length of the bodies of some jobs."""
    key = Keys("anyjob").jobs(DEFAULT_QUEUE).decode()
    some: Any = server.hrandfield(key, 1000, withvalues=True)
    return statistics.mean(len(value[_BODY]) for value in some[1::2])


def _claim(url: str) -> float:
    """What a job of the full queue costs the server to lease, of what one beside it costs.

    Lots of both are fetched in turn, so that what else the machine does strikes both.
    """
    _fill(url, FEW, queue=_BESIDE)
    queues = [Loop.at(url), Loop.at(url, _BESIDE)]
    costs: list[list[int]] = [[], []]
    with client(url) as server:
        for token in range(1, FETCHES + 1):
            for loop, spent in zip(queues, costs, strict=True):
                spent.append(_fetch(server, loop, token))
                _fill(url, LOT, queue=loop.queue)
    many, few = costs
    return statistics.median(many) / statistics.median(few)


def _fetch(server: redis.Redis, loop: Loop, token: int) -> int:
    """Lease a lot and settle it; the microseconds that the first took in the server."""
    before = _spent(server)
    ids, values = _run(server, loop.fetch(token))[4][3:5]
    spent = _spent(server) - before
    _run(server, loop.settle(ids, values, token))
    return spent


def _run(server: redis.Redis, call: Call) -> Any:
    return server.evalsha(call.script.sha.decode(), len(call.keys), *call.keys, *call.args)


def _spent(server: redis.Redis) -> int:
    """The microseconds that the server spent in scripts so far."""
    return int(_info(server, "commandstats")["cmdstat_evalsha"]["usec"])


def _info(server: redis.Redis, section: str) -> dict[str, Any]:
    found: Any = server.info(section)
    return dict(found)
