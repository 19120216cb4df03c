"""Prints what differs from place to place, as the declared levels allow."""

from __future__ import annotations

import pytest

DIFFERS = "differs"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Also where the tests ran in other processes: their reports bring it along."""
    reports = terminalreporter.getreports("passed") + terminalreporter.getreports("failed")
    lines = [
        str(said)
        for report in reports
        for name, said in getattr(report, "user_properties", [])
        if name == DIFFERS and report.when == "call"
    ]
    if lines:
        terminalreporter.section("one program on every backend: what differs, as declared")
        for line in sorted(lines):
            terminalreporter.write_line(line)
