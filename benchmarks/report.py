"""The page of the documentation that shows what is kept in `results/`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.amounts import amount
from benchmarks.machine import REFERENCE_TURNS
from benchmarks.profile_table import PROFILE
from benchmarks.result import Contender, Line, Result, Target

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
- A bare redis-py loop sends the scripts that ship, with the words that anyjob sends, and does
  nothing else.
- The Redis is a private one on the loopback interface that keeps nothing on disk. While it is
  measured beside loops or other job queues, a loop of the system's idle class runs on each core:
  on a virtual machine, a core that halts between two requests makes a round trip twice as long.
- A comparison that was lost stands here as well.
"""

_BESIDE = """\
## Beside other job queues

In the same run and on the same Redis, each in an environment of its own with hiredis, in turn with
anyjob: the same arguments, no results kept, nothing below a warning logged. Each is run with the
best of a few numbers of threads, processes or coroutines, which its row says; anyjob with its
defaults. *Early* acknowledgement is before the job runs, which costs less and loses what a killed
worker ran; *late* is after. Every job has to leave its stamp, or the round counts as failed.
`benchmarks/peers/` has each application, its worker's command and the numbers that are tried.

Where workers are killed, one of two is, with all its processes, again and again while jobs of 20 ms
wait; some go on coming until the time is up. Each is set so that it notices a death as soon as it
permits, where the time is free after the 3 seconds of anyjob's lease, and its row says how. Idle
workers of the others are watched for 36 seconds, all at once, each in a database of its own. In
memory, what several processes share counts once. *Values* are the bytes of a job that a queue hands
to the server to keep, with its names and ids; the rest is how the server keeps them. Kills, idle
cost and memory of the others are looked at in one round.
"""


def report(lines: Sequence[Line]) -> str:
    """The page for these lines."""
    own = [
        line
        for line in lines
        if line.result.contender is None and line.result.measurement != PROFILE
    ]
    beside = [line for line in lines if line.result.contender is not None]
    parts = [_HEAD, "## Results\n", *_table(own), ""]
    if beside:
        parts += [_BESIDE, *_contenders(beside)]
    return "\n".join([*parts, "## Machine\n", *_machines(lines), ""])


def _table(lines: Sequence[Line]) -> list[str]:
    rows = ["| | result | lowest to highest | target | | command |", "|---|---:|---:|---:|---|---|"]
    return rows + [_row(line) for line in lines]


def _row(line: Line) -> str:
    result = line.result
    cells = [
        result.title,
        _value(result),
        _spread(result),
        _goal(result.target),
        _verdict(result),
        f"`{line.command}`",
    ]
    return f"| {' | '.join(cells)} |"


def _value(result: Result) -> str:
    return f"{amount(result.value)} {result.unit}" if result.samples else "not measured"


def _spread(result: Result) -> str:
    if len(result.samples) < 2:
        return ""
    return f"{amount(min(result.samples))} to {amount(max(result.samples))}"


def _contenders(lines: Sequence[Line]) -> list[str]:
    """A table for each title, in the order in which they come."""
    tables: dict[str, list[str]] = {}
    for line in lines:
        result, contender = line.result, line.result.contender
        assert contender is not None
        rows = tables.setdefault(
            result.title,
            [
                f"### {result.title.partition(': ')[2] or result.title}\n",
                "| | acknowledges | result | lowest to highest |",
                "|---|---|---:|---:|",
            ],
        )
        value = contender.failure or _value(result)
        cells = [described(contender), contender.acknowledges, value, _spread(result)]
        rows.append(f"| {' | '.join(cells)} |")
    return [row for table in tables.values() for row in [*table, ""]]


def described(contender: Contender) -> str:
    """Its name and version, and how it was run."""
    name = f"{contender.name} {contender.version}".strip()
    return f"{name}, {contender.setting}" if contender.setting else name


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
