"""The table of the documentation that tells where the microseconds of a job go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.amounts import amount
from benchmarks.result import Line, Result

DOCUMENT = Path(__file__).parent.parent / "docs" / "explanation" / "performance.md"
#: The measurement, whose figures are called by their names and one of the versions.
PROFILE = "redis_profile"
VERSIONS = ("before", "after")

_BEGIN = "<!-- made by `python -m benchmarks report` -->\n"
_END = "<!-- as far as here -->\n"


def with_profile(text: str, lines: Sequence[Line]) -> str:
    """The page with the table for these lines between its two marks."""
    head, begin, rest = text.partition(_BEGIN)
    _, end, tail = rest.partition(_END)
    if not (begin and end):
        raise ValueError(f"{DOCUMENT.name} has lost the marks around its table")
    return "".join([head, begin, "\n", *(f"{row}\n" for row in _table(lines)), "\n", end, tail])


def _table(lines: Sequence[Line]) -> list[str]:
    results = {
        line.result.figure: line.result for line in lines if line.result.measurement == PROFILE
    }
    names = dict.fromkeys(figure.rpartition(" ")[0] for figure in results)
    if not names:
        return ["Not measured."]
    rows = ["| microseconds of a job | before | after |", "|---|---:|---:|"]
    return rows + [_row(results, name) for name in names]


def _row(results: Mapping[str, Result], name: str) -> str:
    found = [results[f"{name} {version}"] for version in VERSIONS]
    title = found[0].title.rpartition(": before: ")[2]
    return f"| {title} | {' | '.join(map(_cell, found))} |"


def _cell(result: Result) -> str:
    spread = f" ({amount(min(result.samples))} to {amount(max(result.samples))})"
    return f"{amount(result.value)}{spread if len(result.samples) > 1 else ''}"
