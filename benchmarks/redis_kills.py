"""What is lost, and what runs twice, when workers on Redis are killed under load."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.kills import CONCURRENCY, LEASE, Outcome, figures, kill_on, results
from benchmarks.peers.field import Comparison, Field, field, own_row, side_name
from benchmarks.peers.kills import BOUND, bound, kill_peers
from benchmarks.peers.recovery import RECOVERIES
from benchmarks.result import Result
from benchmarks.server import server
from benchmarks.settings import Settings
from benchmarks.sides import Rounds

_ABOUT = "Redis: kill -9 of one of two workers under load"
_LOST = Comparison(
    measurement="redis_kills",
    label="kills",
    title=f"{_ABOUT}, jobs that have not run to their end {BOUND:g} s later",
    unit="jobs",
    of="lost",
    is_less_better=True,
)
_DOUBLED = Comparison(
    measurement="redis_kills",
    label="kills",
    title=f"{_ABOUT}, jobs that ran to their end more than once",
    unit="jobs",
    of="doubled",
    is_less_better=True,
)
_BACK = Comparison(
    measurement="redis_kills",
    label="back",
    title=f"{_ABOUT}, until a job that it cut runs again, at worst",
    unit="s",
    of="back",
    is_less_better=True,
)


def measure(settings: Settings) -> list[Result]:
    """Kill workers of anyjob and of the peers on a private server."""
    peers = field(settings)
    peers.concurrency = {
        name: CONCURRENCY if known.counts else 1 for name, known in peers.peers.items()
    } | dict.fromkeys(peers.failures, CONCURRENCY)
    with server(settings.folder) as url:
        ours = kill_on(settings, url)
        theirs = kill_peers(peers, url, settings)
    return [
        *results(ours.journal, ours.enqueued, ours.kills, "redis_kills", "Redis"),
        *_beside_peers(peers, ours, theirs, bound(settings)),
    ]


def _beside_peers(
    peers: Field, ours: Outcome, theirs: Mapping[str, Outcome], seconds: float
) -> list[Result]:
    for name in peers.concurrency:
        recovery = RECOVERIES[name]
        peers.notes[name] = "; ".join(
            [recovery.told, *([_load(theirs[name])] if name in theirs else [])]
        )
        if recovery.acknowledges is not None:
            peers.acknowledges[name] = recovery.acknowledges
    sides = rounds(theirs, seconds)
    setting = f"{CONCURRENCY} slots; lease {LEASE:g} s; {_load(ours)}"
    return [
        row
        for each in (_LOST, _DOUBLED, _BACK)
        for row in (own_row(each, [figures(ours)], setting), *peers.rows(each, sides))
    ]


def _load(outcome: Outcome) -> str:
    kills = len(outcome.kills)
    return f"{kills} kill{'' if kills == 1 else 's'}, {outcome.enqueued} jobs"


def rounds(outcomes: Mapping[str, Outcome], seconds: float) -> Rounds:
    """As if they were sides; what did not come back is told in place of how long it took."""
    found = Rounds({})
    for name, outcome in outcomes.items():
        seen = figures(outcome)
        found.figures[side_name(_LOST, name)] = [seen]
        if not seen["cut"]:
            found.failures[side_name(_BACK, name)] = "no kill cut a job"
        elif seen["absent"]:
            found.failures[side_name(_BACK, name)] = (
                f"not back within {seconds:g} s: {seen['absent']:g} of {seen['cut']:g}"
            )
        else:
            found.figures[side_name(_BACK, name)] = [seen]
    return found
