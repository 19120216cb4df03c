"""From what pytest saw of one test to its outcome."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from anyjob.conformance.engine.outcome import Outcome, Status, written
from anyjob.conformance.engine.scrub import scrubbed
from anyjob.conformance.engine.suites import Part
from anyjob.conformance.engine.watchdog import Overtime
from anyjob.conformance.example import Example
from anyjob.conformance.stage import Stage

_UNTESTED = "UNTESTED: "
_NO_HOOK = "the harness has no {}"
#: A failure may begin with the property that it is about.
_NAMED = re.compile(r"([A-Z]{3}-\d+): ")
#: What a test tells in its user properties that is no evidence.
_NO_EVIDENCE = ("status", "history")


class Seen(msgspec.Struct):
    """What there was to see while one test ran."""

    item: pytest.Item
    part: type[Part]
    example: Example
    reports: list[pytest.TestReport] = []
    #: The first error, of whichever phase.
    error: BaseException | None = None
    #: What the scene said at the end of the body.
    status: str = "PASS"
    marks: frozenset[str] = frozenset()
    evidence: dict[str, Any] = {}
    history: tuple[str, ...] = ()
    #: What the opened object declared when it was last looked at, and how that changed.
    declared: object = None
    changed: str = ""
    stacks: str = ""

    def look_at(self, scene: object) -> None:
        """Take what a scene tells, once it is made and once the body is over."""
        if not isinstance(scene, Stage):
            return
        self.status = scene.status
        self.marks = scene.marks
        self.evidence |= getattr(scene, "evidence", {})
        self.history = tuple(scene.history)
        opened = getattr(scene, "backend", None) or getattr(scene, "store", None)
        declared = getattr(opened, "capabilities", None)
        if self.declared is not None and declared != self.declared:
            self.changed = f"capabilities were {self.declared!r} and are {declared!r}"
        self.declared = declared

    def look_at_test(self, test: object) -> None:
        """Take what a test without a scene left on itself: `evidence`, `marks` and `history`."""
        self.evidence |= getattr(test, "evidence", {})
        self.marks |= frozenset(getattr(test, "marks", ()))
        self.history += tuple(getattr(test, "history", ()))

    def look_at_user_properties(self) -> None:
        """Take what the test wrote there itself."""
        for name, value in self.item.user_properties:
            if name == "history":
                self.history += tuple(str(value).splitlines())
            elif name not in _NO_EVIDENCE and isinstance(value, int | float | str):
                self.evidence[name] = value


def name_of(item: pytest.Item, part: type[Part]) -> str:
    """A test's name without the file and class that an author's run and ours differ in."""
    return f"{part.part}/{item.name}"


def outcome_of(seen: Seen) -> Outcome:
    """What it came to."""
    plain = Outcome(
        suite=type(seen.part.harness).__name__,
        part=seen.part.part,
        test=name_of(seen.item, seen.part),
        status=Status.PASS,
        properties=(seen.example.property_id, *seen.example.also),
        layer=seen.example.layer,
        seconds=round(sum(report.duration for report in seen.reports), 3),
        marks=tuple(sorted(seen.marks)),
        evidence=dict(sorted(seen.evidence.items())),
        node=seen.item.nodeid,
    )
    failed = next((report for report in seen.reports if report.failed), None)
    if isinstance(seen.error, Overtime):
        # Also where the interrupt was swallowed and the test went on.
        failed = failed or seen.reports[-1]
    if failed is not None:
        return _failed(plain, seen, failed)
    xfailed = next((report for report in seen.reports if hasattr(report, "wasxfail")), None)
    if xfailed is not None:
        return _tampered(plain, "a mark from outside lets it fail")
    skipped = next((report for report in seen.reports if report.skipped), None)
    if skipped is not None:
        return _skipped(plain, seen, _reason(skipped))
    return _passed(plain, seen)


def _passed(plain: Outcome, seen: Seen) -> Outcome:
    status, level, remark = written(seen.status)
    if status is Status.ABSENT and seen.example.needs is None:
        # Of CAP-1, which is about absence itself: that is what holds.
        status, level, remark = Status.PASS, "", remark and f"absent and verified: {remark}"
    return msgspec.structs.replace(plain, status=status, level=level, reason=remark)


def _skipped(plain: Outcome, seen: Seen, reason: str) -> Outcome:
    if not reason.startswith(_UNTESTED):
        return _tampered(plain, f"it was skipped from outside: {reason}")
    reason = reason.removeprefix(_UNTESTED)
    hook = seen.example.hook
    lacks = hook if hook is not None and reason == _NO_HOOK.format(hook) else ""
    return msgspec.structs.replace(plain, status=Status.UNTESTED, reason=reason, lacks=lacks)


def _tampered(plain: Outcome, how: str) -> Outcome:
    message = f"{how}; a property may be neither skipped nor allowed to fail there, list what is"
    message += " known to fail in conformance.toml"
    return msgspec.structs.replace(
        plain, status=Status.FAIL, broken=plain.properties, message=message, detail=message
    )


def _failed(plain: Outcome, seen: Seen, report: pytest.TestReport) -> Outcome:
    error = seen.error
    text = str(error) if error is not None else report.longreprtext
    text = text or type(error).__name__
    status = next(
        (each for each in (Status.VACUOUS, Status.UNKNOWN) if text.startswith(each)), None
    )
    if status is None or not isinstance(error, AssertionError | Overtime):
        status = Status.FAIL
        if error is not None and not isinstance(error, AssertionError | pytest.fail.Exception):
            text = f"{type(error).__qualname__}: {text}"
    return msgspec.structs.replace(
        plain,
        status=status,
        broken=_named_in(text, plain.properties),
        reason=scrubbed(text.splitlines()[0].removeprefix(f"{status}: ")),
        message=scrubbed(text),
        detail=report.longreprtext or text,
        stacks=seen.stacks if isinstance(error, Overtime) else "",
        sequence=tuple(getattr(error, "__notes__", ())),
        history=seen.history,
    )


def _named_in(text: str, properties: Sequence[str]) -> tuple[str, ...]:
    """The property that a failure names at its head; without one, all that the test shows."""
    found = _NAMED.match(text)
    return (found[1],) if found is not None and found[1] in properties else tuple(properties)


def _reason(report: pytest.TestReport) -> str:
    match report.longrepr:
        case (_, _, str(reason)):
            return reason.removeprefix("Skipped: ")
        case other:
            return str(other)
