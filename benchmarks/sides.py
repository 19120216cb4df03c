"""Sides of a comparison: in turn, so that a noisy minute hits all, and in fresh interpreters."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

Figures = dict[str, float]


class Side(msgspec.Struct, frozen=True):
    """A function `module:name` of arguments that JSON can carry, which returns its figures."""

    target: str
    arguments: dict[str, Any] = {}


def alternate(sides: Mapping[str, Side], rounds: int) -> dict[str, list[Figures]]:
    """Run each side once a round and return their figures by round."""
    figures: dict[str, list[Figures]] = {name: [] for name in sides}
    for number in range(rounds):
        # The order turns round, so that none always runs in another's wake.
        names = list(sides) if number % 2 == 0 else list(reversed(list(sides)))
        for name in names:
            figures[name].append(run(sides[name]))
    return figures


def run(side: Side, timeout: float = 600) -> Figures:
    """Run one side in a fresh interpreter. Raises CalledProcessError when it fails."""
    command = [sys.executable, "-m", "benchmarks.side", side.target, json.dumps(side.arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=timeout)
    return msgspec.json.decode(done.stdout.splitlines()[-1], type=Figures)


def column(rounds: Sequence[Figures], name: str) -> list[float]:
    """One figure of each round."""
    return [figures[name] for figures in rounds]


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Ours by theirs, round by round."""
    return [one / other for one, other in zip(ours, theirs, strict=True)]
