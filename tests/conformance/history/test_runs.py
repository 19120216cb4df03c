"""Runs of real processes: they find defects, and leave nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from anyjob.conformance import Harness
from anyjob.conformance.history import check, load
from anyjob.conformance.history.backend import assert_holds, run_mixed_histories
from anyjob.conformance.history.crew import Crew, ThreadCrew, failure_of
from anyjob.conformance.history.keep import FOLDER
from anyjob.conformance.history.naming import load as load_harness
from anyjob.conformance.history.naming import name_of
from anyjob.conformance.history.part import Order, Place
from anyjob.conformance.history.plan import Plan
from anyjob.conformance.history.processes import Nursery, ProcessCrew, crew_for
from anyjob.conformance.history.run import run_history
from anyjob.core.errors import ConfigurationError
from tests.conformance.history.defects import (
    ForgettingHarness,
    HidingHarness,
    LosingHarness,
    LossyHarness,
    PoppingHarness,
    ProbedHarness,
    UnreliableHarness,
)
from tests.conformance.test_memory import MemoryHarness
from tests.conformance.test_sqlite import SQLiteHarness
from tests.conformance.zoo.legal import HANGING, HangingHarness
from tests.waiting import until

PLAN = Plan(jobs=150)


@pytest.fixture(autouse=True)
def _kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER, str(tmp_path / "kept"))


@pytest.fixture
def crew() -> Iterator[Crew]:
    with crew_for(SQLiteHarness(), "host") as crew:
        yield crew


def order(folder: Path, name: str, role: str = "consume") -> Order:
    facts = {
        "queues": ["q"],
        "lease": 5.0,
        "credit": 3,
        "timeout": 60.0,
        "max_attempts": 3,
        "max_redeliveries": 3,
        "delays": [0.1],
        "drains": False,
    }
    place = Place("site", str(folder), "namespace", url=None, server_folder=None)
    return Order(name=name, role=role, history=str(folder), place=place, facts=facts)


def is_alive(pid: int) -> bool:
    """Whether there is such a process, a zombie aside."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.parametrize(
    ("harness", "rules"),
    [
        (LosingHarness, {"lost"}),
        (HidingHarness, {"fence"}),
        (ForgettingHarness, {"step"}),
        (PoppingHarness, {"lost"}),
    ],
)
def test_defect_is_found(harness: type[Harness], rules: set[str]) -> None:
    """By one of a few histories: that a holder is late is left to chance in each."""
    broken: set[str] = set()
    for seed in range(6):
        if not rules <= broken:
            _, verdict = run_history(harness(), PLAN, seed)
            broken |= set(verdict.broken)

    assert rules <= broken


def test_backend_whose_answers_get_lost_breaks_no_rule() -> None:
    _, verdict = run_history(UnreliableHarness(), PLAN, 0)

    assert verdict.holds, str(verdict)
    assert verdict.marks["a call was cut after it had acted"] > 5


def test_leases_that_hang_on_connections_break_no_rule() -> None:
    _, verdict = run_history(HangingHarness(HANGING), PLAN, 0)

    assert verdict.holds, str(verdict)
    assert verdict.marks["a killed holder's job was delivered again"] > 0


def test_run_without_a_nemesis_is_vacuous() -> None:
    calm = Plan(jobs=30, kills=0, freezes=0)

    with pytest.raises(AssertionError, match="^VACUOUS: never reached .*a process was frozen"):
        run_mixed_histories(MemoryHarness(), calm)


def test_rule_that_is_taken_out_is_missed() -> None:
    history, verdict = run_history(LosingHarness(), PLAN, 0)

    assert not verdict.holds
    assert check(history, without=["lost"]).holds


def test_failed_run_says_what_is_broken_and_where_it_is_kept(tmp_path: Path) -> None:
    harness = LosingHarness()
    history, verdict = run_history(harness, PLAN, 5)

    with pytest.raises(AssertionError) as failure:
        assert_holds(harness, history, verdict)

    assert str(failure.value).startswith("broken: lost")
    kept = tmp_path / "kept" / "seed-5-1"
    assert str(failure.value).endswith(f"The history is kept in {kept}")
    assert check(load(kept / "history.jsonl")).broken == verdict.broken


def test_bare_service_that_loses_nothing_leaves_the_blame_with_the_backend() -> None:
    history, verdict = run_history(ProbedHarness(), PLAN, 0)

    with pytest.raises(AssertionError, match="^broken: lost"):
        assert_holds(ProbedHarness(), history, verdict)


def test_bare_service_that_loses_too_makes_the_verdict_unknown() -> None:
    history, verdict = run_history(LossyHarness(), PLAN, 0)

    with pytest.raises(AssertionError, match="^UNKNOWN: the control probe lost 20 of 200"):
        assert_holds(LossyHarness(), history, verdict)


def test_part_that_fails_ends_the_run_with_its_traceback() -> None:
    class RaisingHarness(MemoryHarness):
        made = 0

        def backend(self, site):  # type: ignore[no-untyped-def]
            type(self).made += 1
            if self.made > 2:
                raise ZeroDivisionError("of the driver")
            return super().backend(site)

    with pytest.raises(AssertionError, match=r"failed: Traceback[\s\S]*of the driver"):
        run_history(RaisingHarness(), PLAN, 0)


def test_harness_made_inside_a_function_runs_in_threads() -> None:
    class Inside(SQLiteHarness):
        pass

    assert name_of(Inside()) is None
    assert isinstance(crew_for(Inside(), "host"), ThreadCrew)
    assert isinstance(crew_for(MemoryHarness(), "process"), ThreadCrew)
    _, verdict = run_history(Inside(), PLAN, 0)
    assert verdict.holds, str(verdict)


def test_harness_in_a_file_that_no_import_finds_is_loaded_by_its_path(tmp_path: Path) -> None:
    name = name_of(SQLiteHarness())
    assert name is not None
    path = tmp_path / "unlikely_name.py"
    path.write_text("from tests.conformance.test_memory import MemoryHarness as Elsewhere\n")
    found = type(name)("unlikely_name", str(path), "Elsewhere", name.path)
    try:
        assert type(load_harness(found)).__name__ == "MemoryHarness"
    finally:
        sys.modules.pop("unlikely_name", None)

    with pytest.raises(ConfigurationError, match="to hold the harness Nowhere, got None"):
        load_harness(type(name)(name.module, name.file, "Nowhere", name.path))


def test_killed_frozen_and_stopped_parts_end_as_told(crew: Crew, tmp_path: Path) -> None:
    for name in ("killed", "frozen", "stopped"):
        crew.start(order(tmp_path, name))
    until(lambda: all((tmp_path / f"{name}.jsonl").exists() for name in ("frozen", "stopped")))

    crew.kill("killed")
    crew.freeze("frozen")
    crew.thaw("frozen")
    slow = crew.stop("frozen", "stopped")
    until(lambda: not crew.running())

    assert slow == []
    assert crew.ended == {"killed": "killed", "frozen": "done", "stopped": "done"}


def test_part_that_fails_leaves_its_traceback(crew: Crew, tmp_path: Path) -> None:
    crew.start(order(tmp_path, "broken", role="race"))
    until(lambda: not crew.running())

    assert crew.ended == {"broken": "failed"}
    assert "KeyError: 'race'" in failure_of(tmp_path, "broken")
    assert failure_of(tmp_path, "other") == "it left no trace"


def test_crew_that_is_closed_leaves_no_process(tmp_path: Path) -> None:
    name = name_of(SQLiteHarness())
    assert name is not None
    with ProcessCrew(name) as crew:
        crew.start(order(tmp_path, "running"))
        crew.start(order(tmp_path, "frozen"))
        pids = [crew.pid_of("running"), crew.pid_of("frozen")]
        crew.freeze("frozen")
        assert all(map(is_alive, pids))

    assert not any(map(is_alive, pids))


DRIVER = """
import sys
from pathlib import Path
from anyjob.conformance.history.naming import name_of
from anyjob.conformance.history.processes import ProcessCrew
from tests.conformance.history.test_runs import SQLiteHarness, order

crew = ProcessCrew(name_of(SQLiteHarness()))
for name in ("running", "frozen"):
    crew.start(order(Path(sys.argv[1]), name))
crew.freeze("frozen")
print(crew._nursery.pid, crew.pid_of("running"), crew.pid_of("frozen"), flush=True)
sys.stdin.read()
"""


def test_everything_ends_when_the_run_itself_is_killed(tmp_path: Path) -> None:
    driver = subprocess.Popen(
        [sys.executable, "-c", DRIVER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    with driver:
        assert driver.stdout is not None
        pids = [int(pid) for pid in driver.stdout.readline().split()]
        assert len(pids) == 3, "the driver did not come so far"
        assert all(map(is_alive, pids))
        os.kill(driver.pid, signal.SIGKILL)

    until(lambda: not any(map(is_alive, pids)))


THREADED = """
import threading, time
from tests.conformance.test_sqlite import SQLiteHarness

threading.Thread(target=time.sleep, args=(600,), daemon=True).start()

class ThreadedHarness(SQLiteHarness):
    pass
"""


def test_harness_that_starts_threads_gets_new_interpreters_and_no_forks(tmp_path: Path) -> None:
    path = tmp_path / "threaded_harness.py"
    path.write_text(textwrap.dedent(THREADED))
    usual = name_of(SQLiteHarness())
    assert usual is not None
    name = type(usual)("threaded_harness", str(path), "ThreadedHarness", usual.path)
    with ProcessCrew(name) as crew:
        crew.start(order(tmp_path, "alone"))
        pid = crew.pid_of("alone")
        command = Path(f"/proc/{pid}/cmdline")
        until(lambda: b"ThreadedHarness" in command.read_bytes())
        until((tmp_path / "alone.jsonl").exists)

        assert crew.stop("alone") == []
        assert crew.ended == {"alone": "done"}


def test_nursery_whose_harness_cannot_be_imported_says_why(tmp_path: Path) -> None:
    usual = name_of(SQLiteHarness())
    assert usual is not None
    path = tmp_path / "broken_harness.py"
    path.write_text("raise RuntimeError('no driver here')\n")

    with pytest.raises(AssertionError, match=r"ended: [\s\S]*no driver here"):
        Nursery(type(usual)("broken_harness", str(path), "Harness", usual.path))
