"""How many jobs at once suit a peer best, and how many jobs last long enough."""

from __future__ import annotations

from typing import Any

from benchmarks.peers.field import Comparison, Field
from benchmarks.settings import Settings
from benchmarks.sides import MARGIN, Side, SideFailed, run, speed

#: No-op jobs that one value is tried with.
TRIAL = 2_000
_SHORT_TRIAL = 500
#: How many peers drain with two worker processes as well.
WITH_TWO = 2


def fit_peers(
    peers: Field, settings: Settings, one: Comparison, two: Comparison, given: dict[str, Any]
) -> dict[str, Side]:
    """Sides for the drain by one worker process, each with what suits it best, and by two.

    By two drain those late ones alone that were fastest with one, because a round of each takes
    its time.
    """
    rates = _tried(peers, settings, given)
    late = [name for name in rates if peers.peers[name].acknowledges == "late"]
    fastest = sorted(late, key=lambda name: rates[name])[-WITH_TWO:]
    sides: dict[str, Side] = {}
    for comparison, workers, names in ((one, 1, list(rates)), (two, 2, fastest)):
        for side_name, side in peers.sides(comparison, "drain", **given).items():
            name = str(side.arguments["name"])
            if name in names:
                jobs = int(MARGIN * rates[name] * settings.seconds * workers)
                arguments = {**side.arguments, "jobs": jobs, "workers": workers}
                sides[side_name] = Side(side.target, arguments)
    return sides


def fit_one(
    peers: Field, settings: Settings, one: Comparison, given: dict[str, Any]
) -> dict[str, Side]:
    """Sides for the drain by one worker process, each with what suits it best."""
    rates = _tried(peers, settings, given)
    sides: dict[str, Side] = {}
    for side_name, side in peers.sides(one, "drain", **given).items():
        jobs = int(MARGIN * rates[str(side.arguments["name"])] * settings.seconds)
        sides[side_name] = Side(side.target, {**side.arguments, "jobs": jobs})
    return sides


def _tried(peers: Field, settings: Settings, given: dict[str, Any]) -> dict[str, float]:
    """The rate of each peer with what suits it best, which is noted; who fails is left out."""
    rates: dict[str, float] = {}
    for name, known in list(peers.peers.items()):
        sweep = known.sweep[:1] if settings.is_quick else known.sweep
        try:
            tried = {each: _rate(name, each, settings, given) for each in sweep}
        except SideFailed as error:
            peers.drop(name, str(error))
        else:
            best = max(tried, key=lambda each: tried[each])
            peers.concurrency[name], rates[name] = best, tried[best]
    return rates


def _rate(name: str, concurrency: int, settings: Settings, given: dict[str, Any]) -> float:
    jobs = _SHORT_TRIAL if settings.is_quick else TRIAL
    arguments = {"name": name, "concurrency": concurrency, "jobs": jobs, **given}
    return speed(run(Side("benchmarks.peers.rounds:drain", arguments)))
