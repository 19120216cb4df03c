"""The suite as an author outside this repository meets it."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from anyjob.backends.memory import MemoryBackend, MemoryStore
from anyjob.conformance import Harness, Site, run_property
from anyjob.core.errors import ConfigurationError
from tests.conformance.test_memory import MemoryHarness

HARNESS = """\
from anyjob.backends.memory import MemoryBackend
from anyjob.conformance import Harness, conformance_suite


class CoralHarness(Harness):
    def backend(self, site):
        return MemoryBackend(f"memory://{site.name}", namespace=site.namespace, clock=site.clock)


TestCoral = conformance_suite(CoralHarness)
"""
WRONG = HARNESS.replace("MemoryBackend(f", "Wrong(f").replace(
    "class CoralHarness",
    "class Wrong(MemoryBackend):\n    def queues(self):\n        return {'nothing'}\n\n\n"
    "class CoralHarness",
)


class OwnClockHarness(Harness):
    """Makes what obeys no clock but its own."""

    def backend(self, site: Site) -> MemoryBackend:
        return MemoryBackend(f"memory://{site.name}", namespace=site.namespace)

    def store(self, site: Site) -> MemoryStore:
        return MemoryStore(f"memory://{site.name}", namespace=site.namespace)


def run_suite(
    folder: Path, harness: str, *options: str, warnings: str = "error"
) -> subprocess.CompletedProcess[str]:
    """pytest in a folder of its own, with nothing configured."""
    (folder / "test_coral.py").write_text(harness)
    pytest_options = ["-q", "-W", warnings, "-p", "no:cacheprovider", "-p", "no:randomly"]
    chosen = ["-k", "enq_9 or cap_1 or adm_3", "--junit-xml=report.xml", "test_coral.py"]
    return subprocess.run(
        [sys.executable, *options, "-m", "pytest", *pytest_options, *chosen],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_suite_runs_in_a_folder_of_its_own_without_any_configuration(tmp_path: Path) -> None:
    run = run_suite(tmp_path, HARNESS)

    assert run.returncode == 0, run.stdout + run.stderr
    assert len(HARNESS.splitlines()) <= 15


def test_report_says_at_which_level_each_test_passed(tmp_path: Path) -> None:
    run_suite(tmp_path, HARNESS)

    report = ET.parse(tmp_path / "report.xml")
    statuses = {
        case.attrib["name"]: entry.attrib["value"]
        for case in report.iter("testcase")
        for entry in case.iter("property")
        if entry.attrib["name"] == "status"
    }
    assert statuses["test_enq_9_queues_of_similar_names_do_not_mix"] == "PASS"
    assert statuses["test_adm_3_pause_survives_a_restart"] == "PASS(none)"
    assert (
        statuses["test_cap_1_what_is_declared_absent_is_refused_by_name"]
        == "ABSENT(verified): transaction"
    )


def test_failed_example_shows_the_values_it_compared(tmp_path: Path) -> None:
    run = run_suite(tmp_path, WRONG)

    assert run.returncode == 1
    assert "test_enq_9_queues_of_similar_names_do_not_mix" in run.stdout
    assert "<= {'nothing'}" in run.stdout


def test_suite_refuses_to_run_without_assertions(tmp_path: Path) -> None:
    # pytest warns of -O as well, and would stop there.
    run = run_suite(tmp_path, HARNESS, "-O", warnings="default")

    assert run.returncode != 0
    assert "run it without -O" in run.stdout


def test_suite_names_the_extra_that_is_missing() -> None:
    program = "import sys; sys.modules['hypothesis'] = None; import anyjob.conformance"

    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )

    assert "needs hypothesis, which is not installed; pip install" in run.stderr


def test_property_without_an_example_is_refused() -> None:
    for property_id in ("ORD-5", "NIL-1"):
        with pytest.raises(ConfigurationError, match="no example of property"):
            run_property(property_id, MemoryHarness())


@pytest.mark.parametrize("property_id", ["TIM-1", "LSE-1", "LSE-8", "SET-4", "UNQ-4", "CLM-3"])
def test_backend_that_obeys_no_clock_is_tried_in_short_real_times(property_id: str) -> None:
    run_property(property_id, OwnClockHarness())


def test_what_takes_months_is_untested_on_a_clock_that_nobody_moves() -> None:
    with pytest.raises(pytest.skip.Exception, match="UNTESTED"):
        run_property("DLQ-6", OwnClockHarness())
