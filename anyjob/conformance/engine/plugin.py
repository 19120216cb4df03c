"""The engine as a plugin of pytest: it watches the tests of suites and makes one report of each.

A suite's own classes load it where tests are collected. With pytest-xdist the process that people
see collects nothing; `-p anyjob.conformance.engine` loads it there too.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from _pytest.runner import runtestprotocol
from _pytest.terminal import TerminalReporter

from anyjob.conformance.effort import effort
from anyjob.conformance.engine.conduct import CHANGES, OF_A_STORE, Misconduct, Watch
from anyjob.conformance.engine.gather import Gathered
from anyjob.conformance.engine.known import WrongUse, known_for, read_known
from anyjob.conformance.engine.making import declared_by
from anyjob.conformance.engine.outcome import BAD, Outcome, Status
from anyjob.conformance.engine.report import write_json
from anyjob.conformance.engine.suites import Part, part_of
from anyjob.conformance.engine.testing import Seen, name_of, outcome_of
from anyjob.conformance.engine.text import bad_ones, failures, pytest_command, summary
from anyjob.conformance.engine.watchdog import Overtime, Watchdog, limit_of
from anyjob.conformance.example import example_of
from anyjob.core.errors import ConfigurationError

NAME = "anyjob-conformance"
#: A folder for the reports of a run that nobody asked one of by command line.
REPORT = "CONFORMANCE_REPORT"
#: Where the outcomes travel, from process to process too.
_CARRIED = "anyjob_conformance"
#: Layers that may keep something of the suite's own running from test to test.
_KEEPING = ("crash", "history", "server")
#: A run that could not be ended otherwise.
STUCK = 86


def load(config: pytest.Config) -> Engine:
    """Return the engine of this run, made with the first call."""
    engine = config.pluginmanager.get_plugin(NAME)
    if engine is None:
        engine = Engine(config)
        config.pluginmanager.register(engine, NAME)
    assert isinstance(engine, Engine)
    return engine


class Engine:
    """One run of pytest, in one process. All of it is called by pytest in its main thread."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.gathered = Gathered()
        self._is_worker = hasattr(config, "workerinput")
        self._seen: Seen | None = None
        self._introduced: set[tuple[str, str]] = set()
        #: What the opened objects declare, until an outcome takes it along.
        self._declared: dict[tuple[str, str], dict[str, Any]] = {}
        try:
            self._known = read_known(config.rootpath)
            limit = limit_of(effort().tier)
        except (WrongUse, ConfigurationError) as error:
            raise pytest.UsageError(str(error)) from error
        self._watchdog = Watchdog(limit, self._on_stuck)

    # The run

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Note what is to be run."""
        for item in items:
            part = part_of(item)
            if part is not None:
                self.gathered.expect(part)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self) -> Generator[None, object, object]:
        """Watch while tests run."""
        self._watchdog.start()
        try:
            return (yield)
        finally:
            self._watchdog.stop()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> object:
        """Run a test of a suite, once more if it came to UNKNOWN, and tell its outcome."""
        part, example = part_of(item), example_of(getattr(item, "function", None))
        if part is None or example is None:
            return None
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        self.began(name_of(item, part))
        seen, outcomes = self._run(Seen(item, part, example), nextitem)
        if any(each.status is Status.UNKNOWN for each in outcomes):
            item._initrequest()  # type: ignore[attr-defined]  # noqa: SLF001 - as reruns are made
            item.user_properties.clear()
            seen, outcomes = self._run(Seen(item, part, example), nextitem)
        declared = self._declared.pop((outcomes[0].suite, outcomes[0].part), None)
        if declared is not None:
            outcomes[0] = msgspec.structs.replace(outcomes[0], capabilities=declared)
        self._expect_known(seen, outcomes)
        setattr(seen.reports[-1], _CARRIED, msgspec.json.encode(outcomes).decode())
        for report in seen.reports:
            item.ihook.pytest_runtest_logreport(report=report)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True

    def _run(self, seen: Seen, nextitem: pytest.Item | None) -> tuple[Seen, list[Outcome]]:
        self._seen = seen
        with Watch() as watch:
            seen.reports = runtestprotocol(seen.item, nextitem=nextitem, log=False)
        self._seen = None
        seen.look_at_test(getattr(seen.item, "instance", None))
        seen.look_at_user_properties()
        outcome = outcome_of(seen)
        outcomes = [outcome]
        if outcome.status in (Status.PASS, Status.ABSENT):
            stays = outcome.layer in _KEEPING or getattr(seen.part.harness, "server", None)
            outcomes += self._misconduct(seen, outcome, watch.seen(seen.reports, stays=bool(stays)))
        self._colour(seen, outcomes)
        return seen, outcomes

    def _misconduct(
        self, seen: Seen, outcome: Outcome, found: Iterable[Misconduct]
    ) -> list[Outcome]:
        if seen.changed:
            found = [*found, Misconduct(CHANGES, seen.changed)]
        return [
            msgspec.structs.replace(
                outcome,
                status=Status.FAIL,
                properties=(broken,),
                broken=(broken,),
                level="",
                message=f"{broken}: {each.what}",
                detail=f"{broken}: {each.what}, while {outcome.test} ran",
                beside=True,
                seconds=0.0,
                evidence={},
                marks=(),
            )
            for each in found
            for broken in [each.property_id if outcome.part == "backend" else OF_A_STORE]
        ]

    def _colour(self, seen: Seen, outcomes: list[Outcome]) -> None:
        """Let pytest show a bad outcome as a failure, where it saw none itself."""
        bad = [each for each in outcomes if each.status in BAD]
        if bad and not any(report.failed for report in seen.reports):
            last = seen.reports[-1]
            last.outcome, last.longrepr = "failed", "\n".join(each.detail for each in bad)

    def _expect_known(self, seen: Seen, outcomes: list[Outcome]) -> None:
        """Let pytest show as expected what is known to fail."""
        bad = [each for each in outcomes if each.status in (Status.FAIL, Status.VACUOUS)]
        entries = [
            known_for(self._known, each, outcome.suite)
            for outcome in bad
            for each in outcome.broken
        ]
        if not entries or None in entries:
            return
        for report in seen.reports:
            if report.failed:
                report.outcome = "skipped"
                report.wasxfail = "; ".join(f"{e.id}: {e.reason}" for e in entries if e)

    # The phases of a test

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None, object, object]:
        """Watch the making of a site, and before the first one look at what is made."""
        part = part_of(item)
        if self._seen is not None and part is not None:
            with self._watchdog.watching():
                self._introduce(part)
        return (yield from self._watched(item))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """Watch the body of a test."""
        return (yield from self._watched(item))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None, object, object]:
        """Watch the closing."""
        return (yield from self._watched(item))

    def _watched(self, item: pytest.Item) -> Generator[None, object, object]:
        if self._seen is None or part_of(item) is None:
            return (yield)
        with self._watchdog.watching():
            return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Look at the scene while it stands, and at the error while it is one."""
        report = yield
        seen = self._seen
        if seen is not None and seen.item is item:
            if call.when in ("setup", "call"):
                seen.look_at(getattr(item, "funcargs", {}).get("scene"))
            if call.excinfo is not None and seen.error is None:
                seen.error = call.excinfo.value
            if self._watchdog.stacks:
                # Whatever was made of the interrupt on its way here.
                seen.stacks, self._watchdog.stacks = self._watchdog.stacks, ""
                if not isinstance(seen.error, Overtime):
                    seen.error = Overtime(self._watchdog.message)
        return report

    def _introduce(self, part: type[Part]) -> None:
        """Open what the harness makes, before the first test of it, and keep what it declares."""
        key = type(part.harness).__name__, part.part
        if key in self._introduced:
            return
        self._introduced.add(key)
        try:
            self._declared[key] = msgspec.to_builtins(declared_by(part.harness, part.part))
        except (Exception, pytest.skip.Exception, pytest.fail.Exception):
            # The author's code, or a server that is missing: every test is about to say so.
            self._declared.pop(key, None)

    # What is told

    def began(self, test: str) -> None:
        """A test begins; a run that is watched from outside says so."""

    def told(self, outcome: Outcome) -> None:
        """A test ended."""

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Gather what a test came to, here or in another process of the run."""
        carried = getattr(report, _CARRIED, None)
        if carried is not None:
            for outcome in msgspec.json.decode(carried, type=list[Outcome]):
                self.gathered.add(outcome)
                self.told(outcome)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Judge the properties, write the reports that were asked for, and fail the run if a known
        failure is none.
        """
        if self._is_worker:
            return
        reports = self.gathered.reports(self._known)
        folder = os.environ.get(REPORT)
        if folder:
            for report in reports:
                write_json(report, Path(folder) / f"{report.harness}.json")
        if any(report.surprises for report in reports) and session.exitstatus == 0:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: TerminalReporter) -> None:
        """Say how each suite stands."""
        for report in self.gathered.reports(self._known):
            terminalreporter.section(f"conformance of {report.harness}")
            outcomes = bad_ones(self.gathered.of(report.harness), report)
            again = {each.test: pytest_command(each, report) for each in outcomes}
            for line in (*failures(outcomes, again), *summary(report)):
                terminalreporter.write_line(line)

    # What goes wrong with the process

    def _on_stuck(self, stacks: str) -> None:
        """Give up the process: what runs cannot be interrupted. In the watchdog's thread."""
        capture: Any = self.config.pluginmanager.get_plugin("capturemanager")
        if capture is not None:
            capture.suspend_global_capture(in_=False)
        test = self._seen.item.nodeid if self._seen is not None else "a test"
        message = f"UNKNOWN: {test} cannot be interrupted, so the whole run ends here\n{stacks}"
        os.write(2, message.encode())
        os._exit(STUCK)
