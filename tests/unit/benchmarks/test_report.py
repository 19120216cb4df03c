"""The page shows each figure with its target, and tells what was missed."""

import pytest

from benchmarks.amounts import amount
from benchmarks.machine import Machine
from benchmarks.report import DOCUMENT, report
from benchmarks.result import Contender, Line, Result, Target, kept

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


def line(target: Target | None, *samples: float, contender: Contender | None = None) -> Line:
    result = Result(
        measurement="m",
        figure="f",
        title="a figure",
        unit="jobs/s",
        samples=list(samples),
        target=target,
        contender=contender,
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


def test_a_figure_that_could_not_be_measured_is_neither_met_nor_missed() -> None:
    row = "| a figure | not measured |  | ≥ 8 |  | `python -m benchmarks m` |"

    assert row in report([line(Target("least", 8))])


def test_job_queues_that_were_compared_stand_below_one_title() -> None:
    ours = Contender(name="anyjob", setting="32 slots", acknowledges="late")
    theirs = Contender(name="Huey", version="3.5", setting="1 thread", acknowledges="early")

    page = report([line(None, 3, 4, contender=ours), line(None, 1, contender=theirs)])

    assert page.count("### a figure") == 1
    assert "| anyjob, 32 slots | late | 3.5 jobs/s | 3 to 4 |" in page
    assert "| Huey 3.5, 1 thread | early | 1 jobs/s |  |" in page


def test_a_job_queue_that_could_not_run_is_told_with_the_reason() -> None:
    absent = Contender(name="Huey", acknowledges="early", failure="not installed: no network")

    page = report([line(None, contender=absent)])

    assert "| Huey | early | not installed: no network |  |" in page


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
