"""The page of the documentation that shows what is kept in `results/`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.machine import REFERENCE_TURNS
from benchmarks.result import Line, Result, Target

DOCUMENT = Path(__file__).parent.parent / "docs" / "reference" / "benchmarks.md"

_HEAD = """\
# Benchmarks

What anyjob reaches, and what it was to reach. This page is made by `python -m benchmarks report`
from the raw figures in `benchmarks/results/`; `make bench` measures anew.

How it is measured:

- The sides of a comparison run in one run, each in an interpreter of its own, in turn, at least
  5 seconds a side. A figure is the median of five rounds, with the lowest and the highest.
- Every feature is on: leases, fencing tokens, late settlement, retries, results. The log level is
  warning.
- A task writes a time stamp into its own slot of a shared memory map, so that what is measured is
  not asked how fast it is. Jobs that were lost or run twice are counted from a journal that the
  tasks write.
- Targets in jobs a second are stated for a machine whose empty Python loop makes 70 million turns
  a second. Figures "at 70 M turns/s" are the measured ones divided by this machine's share of
  that, taken in the same round.
- A bare sqlite3 loop issues the statements that the backend issues, in lots of the same size, on
  the same file system with the same settings, and does nothing else: no worker, no decoding, no
  task.
- A comparison that was lost stands here as well.
"""


def report(lines: Sequence[Line]) -> str:
    """The page for these lines."""
    parts = [_HEAD, "## Results\n", *_table(lines), "", "## Machine\n", *_machines(lines), ""]
    return "\n".join(parts)


def amount(value: float) -> str:
    """A figure as people read it: three digits, thousands apart."""
    if value == 0 or abs(value) >= 999.5:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.3g}"


def _table(lines: Sequence[Line]) -> list[str]:
    rows = ["| | result | lowest to highest | target | | command |", "|---|---:|---:|---:|---|---|"]
    return rows + [_row(line) for line in lines]


def _row(line: Line) -> str:
    result = line.result
    spread = f"{amount(min(result.samples))} to {amount(max(result.samples))}"
    cells = [
        result.title,
        f"{amount(result.value)} {result.unit}",
        spread if len(result.samples) > 1 else "",
        _goal(result.target),
        _verdict(result),
        f"`{line.command}`",
    ]
    return f"| {' | '.join(cells)} |"


def _goal(target: Target | None) -> str:
    if target is None:
        return ""
    return f"{'≥' if target.kind == 'least' else '≤'} {amount(target.value)}"


def _verdict(result: Result) -> str:
    if result.target is not None and result.target.waived:
        return result.target.waived
    return {True: "met", False: "**missed**", None: ""}[result.is_met]


def _machines(lines: Sequence[Line]) -> list[str]:
    rows = []
    for line in lines:
        machine = line.machine
        share = machine.turns_per_second / REFERENCE_TURNS
        versions = ", ".join(
            f"{name} {number}" for name, number in sorted(machine.versions.items())
        )
        row = (
            f"{machine.processor}, {machine.cores} cores, {amount(machine.memory_gib)} GiB;"
            f" {machine.system}, {machine.file_system}; {machine.python}; {versions}. An empty loop"
            f" made {machine.turns_per_second / 1e6:.1f} M turns a second ({share:.2f} of 70 M), an"
            f" fsync took {machine.fsync_ms:.2f} ms."
        )
        named = f"- **{line.result.measurement}** ({line.at}): {row}"
        if named not in rows:
            rows.append(named)
    return rows
