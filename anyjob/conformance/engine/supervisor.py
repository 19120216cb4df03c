"""Runs the tests in a child process, and goes on in a new one where a test ended it.

Several supervisors side by side run a share of the tests each.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path

import msgspec

from anyjob.conformance.catalogue import shown_by
from anyjob.conformance.effort import SEED, TIER
from anyjob.conformance.engine.child import SPEC, arguments
from anyjob.conformance.engine.events import Began, Collected, Event, Happened, Stuck
from anyjob.conformance.engine.loading import HarnessNotLoaded, find_harness
from anyjob.conformance.engine.outcome import Outcome, Status
from anyjob.conformance.engine.profiles import PARTS
from anyjob.conformance.engine.spec import Spec
from anyjob.conformance.engine.watchdog import limit_of
from anyjob.core.errors import ConfigurationError

#: How often the child is looked at, in seconds.
_PACE = 0.05
#: What a child gets beyond the limit of a test to interrupt it by itself, and to begin.
_PATIENCE = 60.0
#: What it gets to clean up after Ctrl-C.
_FAREWELL = 10.0
#: What of the author's environment would change which tests run, and how.
_LEFT_OUT = ("PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTEST_CURRENT_TEST")


class Stopped(Exception):
    """The run was ended before its tests were."""


class Supervisor:
    """One share of a run by command line; `stop`, `reached` and `outcomes` are for any thread."""

    def __init__(self, spec: Spec) -> None:
        self._spec = spec
        self._stop = threading.Event()
        #: What has been found so far, also after `stop`.
        self.outcomes: list[Outcome] = []
        self._tests: tuple[str, ...] = ()
        self._ended: dict[str, None] = {}
        self._running: str | None = None
        self._stacks: str | None = None
        self._repeated: set[str] = set()
        self._read = 0

    @property
    def reached(self) -> tuple[int, int]:
        """How many tests have ended, and how many there are."""
        return len(self._ended), len(self._tests)

    def stop(self) -> None:
        """Have `run` end its child, which may clean up first, and raise Stopped."""
        self._stop.set()

    def run(self) -> None:
        """Run until every test has ended, in as many processes as it takes.

        Raises HarnessNotLoaded if not even the collecting of the tests ends well. Whatever it
        raises, the child is gone, and `outcomes` has what there is.
        """
        with tempfile.TemporaryDirectory(prefix="anyjob-conformance-run-") as folder:
            self._events = Path(folder, "events")
            self._events.touch()
            while True:
                before = len(self._ended)
                code, log = self._one_process(Path(folder))
                if self._is_over(code):
                    return
                self._account_for(code, log, advanced=len(self._ended) > before)

    def _is_over(self, code: int) -> bool:
        # pytest: 0 all passed, 1 some failed, 5 nothing was to be run.
        return code in (0, 1, 5) and self._running is None and len(self._ended) == len(self._tests)

    def _one_process(self, folder: Path) -> tuple[int, str]:
        spec = msgspec.structs.replace(
            self._spec, events=str(self._events), done=tuple(self._ended)
        )
        path, log = folder / "spec.json", folder / "log"
        path.write_bytes(msgspec.json.encode(spec))
        with log.open("wb") as output:
            child = subprocess.Popen(  # noqa: S603 - ourselves
                [sys.executable, "-m", "pytest", *arguments()],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                # Ctrl-C is ours to hand on, once what ran is safe.
                start_new_session=True,
                env=self._environment(path),
            )
            try:
                code = self._watch(child)
            finally:
                _kill(child)
                self._take_in()
        return code, log.read_text("utf-8", "replace")

    def _environment(self, spec: Path) -> Mapping[str, str]:
        kept = {name: value for name, value in os.environ.items() if name not in _LEFT_OUT}
        return kept | {
            TIER: self._spec.effort.tier,
            SEED: str(self._spec.effort.seed),
            SPEC: str(spec),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        }

    def _watch(self, child: subprocess.Popen[bytes]) -> int:
        patience = limit_of(self._spec.effort.tier) + _PATIENCE
        heard = time.monotonic()
        while not _has_ended(child):
            if self._stop.is_set():
                self._say_farewell(child)
                raise Stopped
            if self._take_in():
                heard = time.monotonic()
            elif time.monotonic() - heard > patience:
                self._stacks = self._stacks or "it could not even be asked what it was doing"
                break
            time.sleep(_PACE)
        _kill(child)
        return child.returncode

    def _say_farewell(self, child: subprocess.Popen[bytes]) -> None:
        child.send_signal(signal.SIGINT)
        deadline = time.monotonic() + _FAREWELL
        while not _has_ended(child) and time.monotonic() < deadline:
            time.sleep(_PACE)

    # What the child tells

    def _take_in(self) -> bool:
        """Read what is new; returns whether anything is."""
        with self._events.open("rb") as file:
            file.seek(self._read)
            lines = file.read()
        whole, newline, _ = lines.rpartition(b"\n")
        self._read += len(whole) + len(newline)
        for line in whole.splitlines():
            self._heard(msgspec.json.decode(line, type=Event))
        return bool(newline)

    def _heard(self, event: Event) -> None:
        match event:
            case Collected():
                self._tests = (*self._ended, *event.tests)
            case Began():
                self._running = event.test
            case Happened():
                self.outcomes.append(event.outcome)
                self._end(event.outcome.test)
            case Stuck():
                self._stacks = event.stacks

    def _end(self, test: str) -> None:
        self._ended[test] = None
        self._running = None

    # What a child that ended leaves to be said

    def _account_for(self, code: int, log: str, *, advanced: bool) -> None:
        """Judge the test that a child ended in, or give up if none had begun."""
        test, stacks = self._running, self._stacks
        self._running = self._stacks = None
        if test is None and not advanced:
            raise self._not_collected(code, log)
        if test is None:
            test = next(reversed(self._ended))
        by_us = stacks is not None
        if (by_us or code == -signal.SIGKILL) and test not in self._repeated:
            self._repeated.add(test)
            self._ended.pop(test, None)
            return
        if by_us:
            self.outcomes.append(_stuck(self._spec, test, stacks or "", log))
        else:
            self.outcomes.append(_ended_it(self._spec, test, code, log))
        self._end(test)

    def _not_collected(self, code: int, log: str) -> ConfigurationError:
        said = [line for line in log.splitlines() if line.startswith("E  ")] or log.splitlines()
        last = " ".join(line.removeprefix("E").strip() for line in said[-3:]).replace("; ", ", ")
        return HarnessNotLoaded(
            f"harness {self._spec.harness!r} cannot be run: the process {_how(code)} before the"
            f" first test: {last or 'it said nothing'}; correct it"
        )


def _how(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    return f"was ended by {signal.Signals(-code).name}"


def _ended_it(spec: Spec, test: str, code: int, log: str) -> Outcome:
    message = f"the process {_how(code)} while this test ran"
    if code != -signal.SIGKILL:
        return _of_the_dead(spec, test, Status.FAIL, message, log)
    # Nothing in the process does that to itself by mistake; a host short of memory does.
    return _of_the_dead(spec, test, Status.UNKNOWN, f"UNKNOWN: {message}, twice", log)


def _stuck(spec: Spec, test: str, stacks: str, log: str) -> Outcome:
    message = (
        "UNKNOWN: a call did not return and could not be interrupted, so its process was ended"
    )
    outcome = _of_the_dead(spec, test, Status.UNKNOWN, message, log)
    return msgspec.structs.replace(outcome, stacks=stacks)


def _of_the_dead(spec: Spec, test: str, status: Status, message: str, log: str) -> Outcome:
    part, _, name = test.partition("/")
    [properties] = [
        ids
        for each in PARTS
        for known, ids in shown_by(each).items()
        if (each, known) == (part, name.partition("[")[0])
    ]
    return Outcome(
        suite=find_harness(spec.harness).__name__,
        part=part,
        test=test,
        status=status,
        properties=properties,
        broken=properties,
        reason=message.removeprefix("UNKNOWN: "),
        message=message,
        detail=f"{message}\n{log}",
    )


def _has_ended(child: subprocess.Popen[bytes]) -> bool:
    """Whether it has, without letting go of its number, by which its group is ended."""
    return os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _kill(child: subprocess.Popen[bytes]) -> None:
    """End the child and all that it started in its group."""
    if child.returncode is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
    child.wait()
