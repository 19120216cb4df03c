from pathlib import Path

import pytest

from scripts import coverage_floors


def test_part_below_its_floor_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert coverage_floors.report_gaps({"core": 100}, {"core": 99}) == 1

    assert "core is covered to 99 %, below 100 %" in capsys.readouterr().out


def test_part_that_vanished_is_an_error() -> None:
    assert coverage_floors.report_gaps({"core": 100}, {}) == 1


def test_part_without_a_floor_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert coverage_floors.report_gaps({}, {"worker": 90}) == 1

    assert "worker has no floor" in capsys.readouterr().out


def test_part_at_its_floor_passes() -> None:
    assert coverage_floors.report_gaps({"core": 100}, {"core": 100}) == 0


def test_raised_floor_only_rises(tmp_path: Path) -> None:
    path = tmp_path / "floors.toml"

    raised = coverage_floors.raised({"app": 90, "cli": 70}, {"app": 80, "cli": 75})
    coverage_floors.write(raised, path)

    assert coverage_floors.read(path) == {"app": 90, "cli": 74}
