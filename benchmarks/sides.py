"""Sides of a comparison: in turn, so that a noisy minute hits all, and in fresh interpreters."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec

from benchmarks.settings import Settings

Figures = dict[str, float]

#: So much more than the trial says, for a trial that was slower than what follows.
MARGIN = 1.25


class SideFailed(Exception):
    """Raised when a side's interpreter fails; the message is the end of what it said."""


class Side(msgspec.Struct, frozen=True):
    """A function `module:name` of arguments that JSON can carry, which returns its figures."""

    target: str
    arguments: dict[str, Any] = {}
    #: The interpreter, where it is another than this one, and what its environment has besides.
    python: str = sys.executable
    variables: dict[str, str] = {}


class Rounds(msgspec.Struct):
    """The figures of each side by round, and why a side that may fail has none."""

    figures: dict[str, list[Figures]]
    failures: dict[str, str] = msgspec.field(default_factory=dict)


def alternate(sides: Mapping[str, Side], rounds: int) -> dict[str, list[Figures]]:
    """Run each side once a round and return their figures by round."""
    return alternate_leniently(sides, rounds, ()).figures


def alternate_leniently(
    sides: Mapping[str, Side], rounds: int, may_fail: Collection[str]
) -> Rounds:
    """The same, but that a side which `may_fail` is left out from its failure on."""
    done = Rounds({name: [] for name in sides})
    for number in range(rounds):
        # The order turns round, so that none always runs in another's wake.
        names = list(sides) if number % 2 == 0 else list(reversed(list(sides)))
        for name in names:
            if name in done.failures:
                continue
            try:
                done.figures[name].append(run(sides[name]))
            except SideFailed as error:
                if name not in may_fail:
                    raise
                del done.figures[name]
                done.failures[name] = str(error)
    return done


def run(side: Side, timeout: float = 600) -> Figures:
    """Run one side in a fresh interpreter. Raises SideFailed."""
    command = [side.python, "-m", "benchmarks.side", side.target, json.dumps(side.arguments)]
    done = subprocess.run(
        command,
        capture_output=True,
        timeout=timeout,
        check=False,
        env={**os.environ, **side.variables},
    )
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()
        raise SideFailed(said[-2000:] or f"it ended with {done.returncode}")
    sys.stderr.buffer.write(done.stderr)
    return msgspec.json.decode(done.stdout.splitlines()[-1], type=Figures)


def column(rounds: Sequence[Figures], name: str) -> list[float]:
    """One figure of each round."""
    return [figures[name] for figures in rounds]


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Ours by theirs, round by round."""
    return [one / other for one, other in zip(ours, theirs, strict=True)]


def fitting(side: Side, settings: Settings, trial: int) -> Side:
    """A side with as many `jobs` as fill the wanted time, by the `rate` of a trial of some."""
    figures = run(_with_jobs(side, trial))
    wanted = int(MARGIN * figures["rate"] * settings.seconds)
    return _with_jobs(side, max(trial, wanted))


def _with_jobs(side: Side, jobs: int) -> Side:
    return msgspec.structs.replace(side, arguments={**side.arguments, "jobs": jobs})
