"""From a history to a verdict."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

import msgspec

from anyjob.conformance.history.doubles import leave_aside
from anyjob.conformance.history.events import Enqueue, Event, Settle
from anyjob.conformance.history.index import Index
from anyjob.conformance.history.marks import marks
from anyjob.conformance.history.record import History
from anyjob.conformance.history.rules import RULES
from anyjob.conformance.history.rules.causes import cause
from anyjob.conformance.history.rules.repeats import deliveries
from anyjob.core.errors import ConfigurationError
from anyjob.core.names import suggestion

#: Of one rule, so many violations are shown with their jobs' lines; the rest are counted.
SHOWN = 5


class Violation(msgspec.Struct, frozen=True):
    """A rule that a job broke."""

    rule: str
    #: "" where it is the history as a whole.
    job: str
    what: str
    #: Everything that the history says of the job, in order.
    lines: tuple[Event, ...] = ()

    def __str__(self) -> str:
        head = f"{self.rule}: {self.job or 'the history'}: {self.what}"
        return "\n".join([head, *(f"    {told(event)}" for event in self.lines)])


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What the rules found in a drained history."""

    violations: Sequence[Violation]
    #: How many violations of each rule there are; those shown are a part of them.
    broken: Mapping[str, int]
    #: How often each situation was reached.
    marks: Mapping[str, int]
    #: jobs, deliveries, explained and unexplained duplicates, and doubles, which the declared level
    #: allows.
    counts: Mapping[str, int]

    @property
    def holds(self) -> bool:
        """Whether no rule is broken."""
        return not self.broken

    def missed(self, *wanted: str) -> list[str]:
        """Those of the wanted situations that were never reached."""
        return [mark for mark in wanted if not self.marks.get(mark)]

    def __str__(self) -> str:
        if self.holds:
            return f"no rule is broken in {self.counts['jobs']} jobs"
        told = ", ".join(f"{rule} {count} times" for rule, count in self.broken.items())
        return "\n".join([f"broken: {told}", *map(str, self.violations)])


def check(history: History, *, without: Collection[str] = ()) -> Verdict:
    """Judge a history by every rule, those named in `without` left out.

    Takes O(n log n) for n events. Raises ConfigurationError for a history that was not drained,
    because what is missing in it may only be under way, and for an unknown rule.
    """
    for name in without:
        if name not in RULES:
            raise ConfigurationError(f"there is no rule {name!r}{suggestion(name, RULES)}")
    index = Index(history)
    if not index.is_drained:
        raise ConfigurationError(
            "the history has no 'drained' event, so nobody knows what was still under way; let a"
            " run come to its end, or judge the history of another one"
        )
    leave_aside(index)
    broken: dict[str, int] = {}
    found: list[Violation] = []
    for name, rule in RULES.items():
        if name in without:
            continue
        findings = list(rule(index))
        if findings:
            broken[name] = len(findings)
            found += [Violation(name, each.job, each.what) for each in findings[:SHOWN]]
    return Verdict(
        violations=_with_lines(found, history.events),
        broken=broken,
        marks=marks(index),
        counts=_counts(index),
    )


def told(event: Event) -> str:
    """An event as one line for people."""
    fields = msgspec.to_builtins(event)
    name, process, mono = fields.pop("event"), fields.pop("process"), fields.pop("mono")
    for long in ("jobs", "children"):
        if long in fields:
            fields[long] = f"{len(fields[long])} of them"
    rest = " ".join(f"{key}={value}" for key, value in fields.items())
    return f"{mono:.4f} {process} {name} {rest}"


def _with_lines(violations: list[Violation], events: Sequence[Event]) -> list[Violation]:
    wanted = {each.job for each in violations if each.job}
    if not wanted:
        return violations
    lines: dict[str, list[Event]] = defaultdict(list)
    calls: dict[tuple[str, int], set[str]] = {}
    for event in events:
        jobs = wanted.intersection(_jobs_of(event))
        if jobs and isinstance(event, Enqueue):
            calls[event.process, event.call] = jobs
        elif isinstance(event, Enqueue):
            # The answer names no job: it is that of the call.
            jobs = calls.get((event.process, event.call), set())
        for job in jobs:
            lines[job].append(event)
    return [msgspec.structs.replace(each, lines=tuple(lines[each.job])) for each in violations]


def _jobs_of(event: Event) -> tuple[str, ...]:
    if isinstance(event, Enqueue):
        return tuple(sent.job for sent in event.jobs)
    if isinstance(event, Settle):
        return (event.job, *(child.job for child in event.children))
    job = getattr(event, "job", None)
    return () if job is None else (job,)


def _counts(index: Index) -> dict[str, int]:
    explained = unexplained = 0
    for job in index.jobs.values():
        for pair in job.pairs:
            if cause(*pair, index):
                explained += 1
            else:
                unexplained += 1
    return {
        "jobs": len(index.jobs),
        "deliveries": deliveries(index),
        "explained duplicates": explained,
        "unexplained duplicates": unexplained,
        "doubles": sum(len(job.doubles) for job in index.jobs.values()),
    }
