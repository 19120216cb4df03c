"""With CI=true a skipped test is a failure, unless tests/allowed_skips.toml names it.

At home a missing server is a skip; in CI a skip that nobody wrote down would be a gap that looks
green.
"""

import os
import tomllib
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from _pytest.terminal import TerminalReporter


@dataclass(frozen=True)
class AllowedSkip:
    test: str
    """A node id, or a shell pattern of several."""

    reason: str

    def covers(self, node_id: str) -> bool:
        # A node id may hold [brackets] of its own, which a pattern would read as a set.
        return node_id == self.test or fnmatchcase(node_id, self.test.replace("[", "[[]"))


class SkipGuard:
    """Turns skips that are not allowed into failures and prints the allowed ones at the end."""

    def __init__(self, allowed: Sequence[AllowedSkip]) -> None:
        self._allowed = allowed

    # tryfirst makes this wrapper the outermost, so that it sees what xfail made of the report.
    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self,
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        self._judge(report)
        return report

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_make_collect_report(
        self,
    ) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        report = yield
        self._judge(report)
        return report

    def _judge(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        if not report.skipped or hasattr(report, "wasxfail"):
            return
        if any(skip.covers(report.nodeid) for skip in self._allowed):
            return
        report.outcome = "failed"
        report.longrepr = (
            f"{report.nodeid} was skipped and CI=true allows only the skips of"
            f" tests/allowed_skips.toml; meet its need, or list it with a reason: {why(report)}"
        )

    def pytest_terminal_summary(self, terminalreporter: TerminalReporter) -> None:
        skipped = [report.nodeid for report in terminalreporter.stats.get("skipped", [])]
        terminalreporter.section("skips allowed in CI")
        for skip in self._allowed:
            count = sum(skip.covers(node_id) for node_id in skipped)
            terminalreporter.write_line(f"{skip.test}: {skip.reason} ({count} in this run)")
        if not self._allowed:
            terminalreporter.write_line("none")


def why(report: pytest.TestReport | pytest.CollectReport) -> str:
    match report.longrepr:
        case (_, _, str(reason)):
            return reason
        case other:
            return str(other)


def read_allowed(path: Path) -> list[AllowedSkip]:
    """Raises pytest.UsageError for an entry without a test or a reason."""
    if not path.exists():
        return []
    entries = tomllib.loads(path.read_text()).get("skip", [])
    for entry in entries:
        if set(entry) != {"test", "reason"} or not all(entry.values()):
            raise pytest.UsageError(f"expected a test and a reason in {path}, got {entry!r}")
    return [AllowedSkip(**entry) for entry in entries]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini(
        "allowed_skips",
        "the file that lists the skips allowed in CI, below the root",
        default="tests/allowed_skips.toml",
    )


def pytest_configure(config: pytest.Config) -> None:
    if os.environ.get("CI") == "true":
        allowed = read_allowed(config.rootpath / config.getini("allowed_skips"))
        config.pluginmanager.register(SkipGuard(allowed), "skip-guard")
