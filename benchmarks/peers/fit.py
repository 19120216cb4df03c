"""How many jobs at once suit a peer best, and how many jobs last long enough."""

from __future__ import annotations

from typing import Any

from benchmarks.peers.field import Comparison, Field
from benchmarks.settings import Settings
from benchmarks.sides import MARGIN, Side, SideFailed, run

#: No-op jobs that one value is tried with.
TRIAL = 2_000
_SHORT_TRIAL = 500


def fit_peers(
    peers: Field, settings: Settings, one: Comparison, two: Comparison, given: dict[str, Any]
) -> dict[str, Side]:
    """Sides for the drain by one worker process, each with what suits it best, and by two.

    By two drain those alone that reach half of the best late rate with one: no other could come to
    be the best with two.
    """
    rates = _tried(peers, settings, given)
    late = [rate for name, rate in rates.items() if peers.peers[name].acknowledges == "late"]
    enough = max(late, default=0.0) / 2
    seconds = settings.seconds
    sides: dict[str, Side] = {}
    for comparison, workers in ((one, 1), (two, 2)):
        for name, side in peers.sides(comparison, "drain", **given, workers=workers).items():
            rate = rates[name.partition(": ")[2]]
            is_late = peers.peers[name.partition(": ")[2]].acknowledges == "late"
            if workers == 1 or (is_late and rate >= enough):
                jobs = int(MARGIN * rate * seconds * workers)
                sides[name] = Side(side.target, {**side.arguments, "jobs": jobs})
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
    return run(Side("benchmarks.peers.rounds:drain", arguments))["rate"]
