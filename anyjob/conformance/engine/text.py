"""A report for a person: how it stands, and what each failure is."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence

from anyjob.conformance.effort import SEED, TIER
from anyjob.conformance.engine.outcome import BAD, Outcome, Status
from anyjob.conformance.engine.profiles import members
from anyjob.conformance.engine.report import PartReport, Report
from anyjob.conformance.engine.verdict import Verdict
from anyjob.conformance.manifest import property_of

#: More lines than this of one failure are looked up in the report.
_MOST = 60


def summary(report: Report) -> Iterator[str]:
    """How a suite stands, in lines: counts, profiles, and every property that is not settled."""
    counts = ", ".join(f"{count} {status}" for status, count in report.counts.items())
    yield f"contract {report.contract}, {report.tier}, seed {report.seed}: {counts}"
    for name, part in report.parts.items():
        yield _product(name, part)
        if standing := profiles_of(part, report.only):
            yield f"  {standing}"
        for id, verdict in part.properties.items():
            if is_told(verdict, report.only, id):
                yield f"  {_one_line(id, verdict)}"
    if report.interrupted:
        yield "interrupted: what did not run is UNTESTED"


def _product(name: str, part: PartReport) -> str:
    is_tried = any(verdict.tests for verdict in part.properties.values())
    unopened = "could not be opened" if is_tried else "was not looked at"
    product = f"{part.product} {part.version}" if part.product else unopened
    stamp = ", EMULATED: certifies nothing" if part.emulator else ""
    return f"{name}: {product}{stamp}"


def profiles_of(part: PartReport, only: Sequence[str] = ()) -> str:
    """The profiles of a part with their standings, in one line; those that were chosen as a whole,
    if some were.
    """
    return " · ".join(
        f"{name}{f'({each.level})' if each.level else ''} {each.standing}"
        for name, each in part.profiles.items()
        if not only or {*only} >= {*members(name)}
    )


def is_told(verdict: Verdict, only: Sequence[str], id: str) -> bool:
    """Whether a summary has a line on it."""
    return verdict.status not in (Status.PASS, Status.ABSENT) and (not only or id in only)


def _one_line(id: str, verdict: Verdict) -> str:
    return f"{verdict.status:<8} {id:<6} {textwrap.shorten(verdict.reason, 200)}"


def bad_ones(outcomes: Iterable[Outcome], report: Report) -> list[Outcome]:
    """The outcomes that nobody expected."""
    verdicts = report.verdicts
    return [
        each
        for each in outcomes
        if each.status in BAD and not all(verdicts[id].status is Status.XFAIL for id in each.broken)
    ]


def failures(bad: Iterable[Outcome], replays: dict[str, str]) -> Iterator[str]:
    """Each failure with all there is to know: statement, sequence, history, command.

    `replays` has the command by test. One cause that many tests met is told once.
    """
    told: dict[str, str] = {}
    for outcome in bad:
        id = (outcome.broken or outcome.properties)[0]
        yield ""
        yield f"{outcome.status} {id}: {property_of(id).statement}"
        if len(outcome.broken) > 1:
            yield f"  one of {', '.join(outcome.broken)}"
        yield f"  test: {outcome.test}, by {outcome.layer}"
        if outcome.message in told:
            yield f"  the same as in {told[outcome.message]}"
        else:
            told[outcome.message] = outcome.test
            yield from _body(outcome)
        if outcome.test in replays:
            yield f"  replay: {replays[outcome.test]}"


def _body(outcome: Outcome) -> Iterator[str]:
    yield from _indented("", outcome.message.splitlines())
    yield from _indented("the smallest sequence found:", _lines(outcome.sequence))
    yield from _indented("history:", outcome.history)
    yield from _indented("what every thread was doing:", outcome.stacks.splitlines())


def _lines(texts: Iterable[str]) -> list[str]:
    return [line for text in texts for line in text.splitlines()]


def _indented(title: str, lines: Sequence[str]) -> Iterator[str]:
    if not lines:
        return
    if title:
        yield f"  {title}"
    for line in lines[:_MOST]:
        yield f"    {line}"
    if len(lines) > _MOST:
        yield f"    ... {len(lines) - _MOST} more lines"


def pytest_command(outcome: Outcome, report: Report) -> str:
    """The command that runs a test of an author's own file again."""
    settings = f"{TIER}={report.tier} {SEED}={report.seed}"
    return f"{settings} pytest {outcome.node!r}"
