"""The engine in an author's own run of pytest."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from anyjob.conformance import conformance_suite
from anyjob.core.errors import ConfigurationError
from tests.conformance.engine.conftest import ROOT
from tests.conformance.engine.harnesses import Sound

SUITE = """\
from anyjob.conformance import conformance_suite
from tests.conformance.engine.harnesses import {harness}

TestCoral = conformance_suite({harness})
"""
KNOWN = """\
[[known]]
id = "ADM-2"
reason = "not yet"
issue = "#7"
expires = 2999-01-01
"""

OPTIONS = ["-q", "-W", "error", "-p", "no:cacheprovider", "-p", "no:randomly"]


def pytest_run(
    folder: Path, harness: str, *words: str, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """pytest in a folder of an author's, with nothing configured."""
    (folder / "test_coral.py").write_text(SUITE.format(harness=harness))
    return subprocess.run(
        [sys.executable, "-m", "pytest", *OPTIONS, "test_coral.py", *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **(environment or {})},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def test_run_ends_with_how_the_suite_stands_and_writes_its_report(folder: Path) -> None:
    run = pytest_run(
        folder, "Sound", "-k", "adm_6 or pay_3", environment={"CONFORMANCE_REPORT": "out"}
    )

    report = json.loads((folder / "out" / "Sound.json").read_text())
    verdicts = report["parts"]["backend"]["properties"]
    assert run.returncode == 0, run.stdout + run.stderr
    assert "conformance of Sound" in run.stdout
    assert "contract 1.0, quick, seed 0: 2 PASS, 98 UNTESTED" in run.stdout
    assert (verdicts["PAY-3"]["status"], verdicts["LSE-4"]["status"]) == ("PASS", "UNTESTED")
    assert report["complete"] is False
    assert report["parts"]["backend"]["profiles"]["core"]["standing"] == "untested"


def test_failure_is_told_with_its_statement_and_its_command(folder: Path) -> None:
    run = pytest_run(folder, "AnsweringNone", "-k", "adm_2")

    assert run.returncode == 1
    assert "FAIL ADM-2: `purge` and `discard` remove exactly" in run.stdout
    assert (
        "replay: CONFORMANCE_TIER=quick CONFORMANCE_SEED=0 pytest"
        " 'test_coral.py::TestCoral::TestBackend::test_adm_2_purge" in run.stdout
    )


def test_workers_of_xdist_report_to_an_engine_of_their_controller(folder: Path) -> None:
    run = pytest_run(
        folder,
        "AnsweringNone",
        *("-n", "2", "-k", "adm_2 or pay_3", "-p", "anyjob.conformance.engine"),
        environment={"CONFORMANCE_REPORT": "out"},
    )

    verdicts = json.loads((folder / "out" / "Broken.json").read_text())["parts"]["backend"]
    assert run.returncode == 1, run.stdout + run.stderr
    assert verdicts["properties"]["ADM-2"]["status"] == "FAIL"
    assert verdicts["properties"]["PAY-3"]["status"] == "PASS"
    assert verdicts["product"] == "memory"


def test_misconduct_turns_the_test_red(folder: Path) -> None:
    run = pytest_run(folder, "Printing", "-k", "adm_2")

    assert run.returncode == 1
    assert "CAP-6: it printed 'purging" in run.stdout


def test_hanging_call_is_unknown_after_one_repeat(folder: Path) -> None:
    run = pytest_run(
        folder,
        "Hanging",
        *("-k", "adm_2 or pay_3"),
        environment={"CONFORMANCE_LIMIT": "1"},
    )

    assert run.returncode == 1, run.stdout + run.stderr
    assert "UNKNOWN ADM-2: " in run.stdout
    assert "1 PASS" in run.stdout


def test_known_failure_is_an_expected_one_and_is_strict(folder: Path) -> None:
    (folder / "conformance.toml").write_text(KNOWN)

    expected = pytest_run(folder, "AnsweringNone", "-k", "adm_2")
    gone = pytest_run(folder, "Sound", "-k", "adm_2 or administration_machine")

    assert expected.returncode == 0, expected.stdout
    assert "xfailed" in expected.stdout
    assert "XFAIL    ADM-2  not yet (#7)" in expected.stdout
    assert gone.returncode == 1
    assert "it holds now; remove its entry" in gone.stdout


def test_known_failure_past_its_date_stops_the_run_before_its_first_test(folder: Path) -> None:
    (folder / "conformance.toml").write_text(KNOWN.replace("2999", "2020"))

    run = pytest_run(folder, "Sound", "-k", "adm_2")

    assert run.returncode not in (0, 1)
    assert "until 2020-01-01, which is past" in run.stdout + run.stderr
    assert "passed" not in run.stdout


@pytest.mark.parametrize("mark", ["skip(reason='later')", "xfail(reason='later', strict=False)"])
def test_mark_from_outside_neither_skips_a_property_nor_lets_it_fail(
    folder: Path, mark: str
) -> None:
    (folder / "conftest.py").write_text(
        "import pytest\n"
        "def pytest_collection_modifyitems(items):\n"
        "    for item in items:\n"
        f"        item.add_marker(pytest.mark.{mark})\n"
    )

    run = pytest_run(folder, "AnsweringNone", "-k", "adm_2")

    assert run.returncode == 1
    assert "may be neither skipped nor allowed to fail there" in run.stdout


def test_subclass_may_add_tests_and_replace_none() -> None:
    suite = conformance_suite(Sound)

    more = type(suite.TestBackend)("More", (suite.TestBackend,), {"test_mine": lambda self: None})  # type: ignore[attr-defined]

    assert hasattr(more, "test_mine")
    for changed in ("test_pay_4_changing_what_was_given_changes_nothing_stored", "harness"):
        name = changed if hasattr(suite.TestBackend, changed) else "scene"  # type: ignore[attr-defined]
        with pytest.raises(ConfigurationError, match="may not be overridden or left out"):
            type("Less", (suite.TestBackend,), {name: None})  # type: ignore[attr-defined]


def test_test_of_a_suite_can_be_neither_set_nor_deleted() -> None:
    part = conformance_suite(Sound).TestBackend  # type: ignore[attr-defined]

    with pytest.raises(ConfigurationError, match="'test_lease_machine'"):
        part.test_lease_machine = None
    with pytest.raises(ConfigurationError, match="'test_lease_machine'"):
        del part.test_lease_machine


def test_part_of_a_suite_cannot_be_replaced() -> None:
    suite = conformance_suite(Sound)

    with pytest.raises(ConfigurationError, match="'TestBackend'"):
        type("Less", (suite,), {"TestBackend": None})
