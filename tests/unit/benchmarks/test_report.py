"""The page shows each figure with its target, and tells what was missed."""

import pytest

from benchmarks.machine import Machine
from benchmarks.report import DOCUMENT, amount, report
from benchmarks.result import Line, Result, Target, kept

MACHINE = Machine(
    processor="Abacus",
    cores=2,
    memory_gib=4.0,
    system="Linux 6",
    file_system="ext4",
    python="CPython 3.11",
    versions={"sqlite": "3.40"},
    turns_per_second=35e6,
    fsync_ms=1.5,
)


def line(target: Target | None, *samples: float) -> Line:
    result = Result(
        measurement="m",
        figure="f",
        title="a figure",
        unit="jobs/s",
        samples=list(samples),
        target=target,
    )
    return Line(at="now", command="python -m benchmarks m", machine=MACHINE, result=result)


@pytest.mark.parametrize(
    ("target", "verdict"),
    [
        (Target("least", 2000), "≥ 2 000 | met"),
        (Target("least", 2001), "≥ 2 001 | **missed**"),
        (Target("most", 2000), "≤ 2 000 | met"),
        (Target("most", 1999), "≤ 1 999 | **missed**"),
        (Target("least", 9999, waived="not on this disk"), "≥ 9 999 | not on this disk"),
        (None, " | "),
    ],
)
def test_a_figure_stands_with_its_target_and_verdict(target: Target | None, verdict: str) -> None:
    row = f"| a figure | 2 000 jobs/s | 1 000 to 3 000 | {verdict} | `python -m benchmarks m` |"

    assert row in report([line(target, 1000, 2000, 3000)])


def test_the_machine_is_told_once_a_measurement() -> None:
    page = report([line(None, 1), line(None, 2)])

    assert page.count("Abacus, 2 cores, 4 GiB; Linux 6, ext4; CPython 3.11; sqlite 3.40.") == 1
    assert "35.0 M turns a second (0.50 of 70 M), an fsync took 1.50 ms" in page


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0, "0"), (0.1234, "0.123"), (12.34, "12.3"), (999.9, "1 000"), (151234.5, "151 234")],
)
def test_an_amount_has_three_digits_or_its_thousands_apart(value: float, shown: str) -> None:
    assert amount(value) == shown


def test_the_page_in_the_documentation_is_made_from_the_figures_that_are_kept() -> None:
    assert DOCUMENT.read_text() == report(list(kept()))
