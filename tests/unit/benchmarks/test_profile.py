"""Each look of a profiler belongs to one stage of a job's way; the page shows what each took."""

import re
from pathlib import Path

import pytest

from benchmarks.machine import Machine
from benchmarks.profile_table import DOCUMENT, PROFILE, with_profile
from benchmarks.result import Line, Result, kept
from benchmarks.spy import by_stage
from benchmarks.stages import PLACES, STAGES, stage_of

ROOT = Path(__file__).parents[3]
MACHINE = Machine(
    processor="Abacus",
    cores=2,
    memory_gib=4.0,
    system="Linux 6",
    file_system="ext4",
    python="CPython 3.11",
    versions={},
    turns_per_second=35e6,
    fsync_ms=1.5,
)
FETCHER = ("/here/anyjob/worker/fetcher.py", "Fetcher.run")
PAGE = (
    "before\n<!-- made by `python -m benchmarks report` -->\n\nold\n<!-- as far as here -->\nend\n"
)


def line(figure: str, title: str, *samples: float) -> Line:
    result = Result(measurement=PROFILE, figure=figure, title=title, unit="us", samples=[*samples])
    return Line(at="now", command="c", machine=MACHINE, result=result)


@pytest.mark.parametrize(("path", "name", "stage"), PLACES)
def test_every_place_is_in_the_code_of_today(path: str, name: str, stage: str) -> None:
    text = (ROOT / path).read_text()

    assert stage in STAGES
    for word in filter(None, name.split(".")):
        assert re.search(rf"^\s*(class|def|async def) {word}", text, re.MULTILINE)


def test_the_innermost_frame_that_is_known_decides() -> None:
    stack = [
        ("/lib/json/decoder.py", "decode"),
        ("/here/anyjob/core/wire.py", "decode_body"),
        ("/here/anyjob/worker/intake.py", "Intake.take"),
        FETCHER,
    ]

    assert stage_of(stack) == "decode"


def test_settling_is_told_apart_from_fetching_though_one_call_does_both() -> None:
    consumer = "/here/anyjob/backends/redis/consumer.py"

    assert stage_of([(consumer, "RedisConsumer._settlements"), FETCHER]) == "settle"
    assert stage_of([(consumer, "RedisConsumer.fetch"), FETCHER]) == "fetch"


def test_code_of_nobody_is_the_rest() -> None:
    assert stage_of([("/lib/threading.py", "Thread.run")]) == "rest"


def test_looks_are_counted_by_stage() -> None:
    lines = [
        "Thread.run (threading.py:982);Fetcher.run (anyjob/worker/fetcher.py:83) 5",
        "Thread.run (threading.py:982);Fetcher.run (anyjob/worker/fetcher.py:83);"
        "Intake.take.<locals>.<listcomp> (anyjob/worker/intake.py:54) 2",
        "Thread.run (threading.py:982) 1",
    ]

    assert by_stage(lines) == {"fetch": 5, "plan": 2, "rest": 1}


def test_the_page_has_both_versions_of_a_stage_in_a_row() -> None:
    lines = [
        line("decode before", "Redis: a job: before: decode", 3.0, 4.0, 5.0),
        line("decode after", "Redis: a job: after: decode", 2.0),
    ]

    page = with_profile(PAGE, lines)

    assert "| decode | 4 (3 to 5) | 2 |" in page
    assert page.startswith("before\n")
    assert page.endswith("end\n")
    assert "old" not in page


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="marks"):
        with_profile("nothing", [])


def test_the_page_in_the_documentation_is_made_from_the_figures_that_are_kept() -> None:
    text = DOCUMENT.read_text()

    assert text == with_profile(text, list(kept()))
