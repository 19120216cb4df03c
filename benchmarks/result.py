"""One figure, its target and where it comes from; kept as a line of JSON."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from benchmarks.machine import Machine

RESULTS = Path(__file__).parent / "results"
QUICK_RESULTS = Path("out/benchmarks")


class Target(msgspec.Struct, frozen=True):
    """What the figure must reach: at least, or at most, so much."""

    kind: Literal["least", "most"]
    value: float
    #: Where the target holds only on some machines or in some cases, which; it is not judged then.
    waived: str = ""

    def is_met(self, value: float) -> bool | None:
        """None where the target does not hold."""
        if self.waived:
            return None
        return value >= self.value if self.kind == "least" else value <= self.value


class Contender(msgspec.Struct, frozen=True, kw_only=True):
    """Whose figure it is, where several job queues stand side by side."""

    name: str
    version: str = ""
    #: How it was run, such as "64 threads".
    setting: str = ""
    #: Before a job runs, so that it is lost with its worker, or after.
    acknowledges: Literal["early", "late"]
    #: Why it has no figure.
    failure: str = ""


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured, as the median of its samples; without any, it could not be."""

    #: The measurement that brought it, and the figure's own name within it.
    measurement: str
    figure: str
    title: str
    unit: str
    samples: list[float]
    target: Target | None = None
    #: What the samples were made from, and what else was seen: each side's own figures.
    seen: dict[str, list[float] | float | int | str] = {}
    contender: Contender | None = None

    @property
    def value(self) -> float:
        return statistics.median(self.samples)

    @property
    def is_met(self) -> bool | None:
        """None where there is no target, or nothing to judge by it."""
        if self.target is None or not self.samples:
            return None
        return self.target.is_met(self.value)


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A result with the circumstances, as it is kept."""

    at: str
    command: str
    machine: Machine
    result: Result


def keep(measurement: str, results: Sequence[Result], machine: Machine, *, is_quick: bool) -> Path:
    """Write the results of one measurement in place of the last ones; returns the file."""
    folder = QUICK_RESULTS if is_quick else RESULTS
    folder.mkdir(parents=True, exist_ok=True)
    command = f"python -m benchmarks {measurement}" + (" --quick" if is_quick else "")
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    lines = [Line(at=at, command=command, machine=machine, result=each) for each in results]
    path = folder / f"{measurement}.jsonl"
    path.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
    return path


def kept(folder: Path = RESULTS) -> Iterable[Line]:
    """Every line that is kept, by measurement."""
    decoder = msgspec.json.Decoder(Line)
    for path in sorted(folder.glob("*.jsonl")):
        yield from (decoder.decode(line) for line in path.read_bytes().splitlines())
