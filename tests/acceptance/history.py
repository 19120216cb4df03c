"""The judge: reads a journal and says what no backend and no worker may do."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from tests.acceptance.journal import Entry


@dataclass
class Run:
    """One run of a job, from its start to its end, or to the death of its process."""

    start: Entry
    end: Entry | None = None
    #: When its process was killed or frozen, if that came before its end.
    cut: float | None = None

    @property
    def pid(self) -> int:
        return self.start.pid

    @property
    def failed(self) -> bool:
        return self.end is not None and self.end.what == "failed"

    @property
    def succeeded(self) -> bool:
        return self.end is not None and self.end.what == "end"


@dataclass
class Verdict:
    """Each list holds the names of jobs that broke one rule; all are empty in a good history."""

    #: Accepted, and never ended well.
    lost: list[str] = field(default_factory=list)
    #: Run though nobody ever asked for it, or under an id that nobody was given.
    phantom: list[str] = field(default_factory=list)
    #: Run again though the run before it neither failed nor lost its process.
    doubled: list[str] = field(default_factory=list)
    #: Started before it was due.
    early: list[str] = field(default_factory=list)
    #: Two runs at once, both in living processes.
    overlap: list[str] = field(default_factory=list)
    #: An attempt or redelivery number that does not follow from the run before.
    attempts: list[str] = field(default_factory=list)

    @property
    def broken(self) -> dict[str, list[str]]:
        return {rule: names for rule, names in vars(self).items() if names}


def judged(entries: Sequence[Entry], *, unfinished: Collection[str] = ()) -> Verdict:
    """Return the verdict on a history that has come to rest; `unfinished` need not end well."""
    verdict = Verdict()
    runs = runs_of(entries)
    asked = {entry.name: entry for entry in entries if entry.what == "asking"}
    accepted = {entry.name: entry for entry in entries if entry.what == "accepted"}
    for name in accepted.keys() - set(unfinished):
        if not any(run.succeeded for run in runs.get(name, ())):
            verdict.lost.append(name)
    for name, its_runs in runs.items():
        if name not in asked or not _has_its_id(its_runs, accepted.get(name)):
            verdict.phantom.append(name)
        if name in asked and any(run.start.wall < asked[name].due for run in its_runs):
            verdict.early.append(name)
        for one, next_one in zip(its_runs, its_runs[1:], strict=False):
            _judge_pair(name, one, next_one, verdict)
    return verdict


def runs_of(entries: Sequence[Entry]) -> dict[str, list[Run]]:
    """Group the runs by job name, in the order of their start."""
    runs: dict[str, list[Run]] = defaultdict(list)
    by_lease: dict[tuple[str, int, int], Run] = {}
    struck: dict[int, float] = {}
    for entry in entries:
        key = (entry.job, entry.token, entry.pid)
        if entry.what == "start":
            run = by_lease[key] = Run(entry)
            runs[entry.name].append(run)
        elif entry.what in ("end", "failed"):
            by_lease[key].end = entry
        elif entry.what in ("killed", "frozen"):
            struck.setdefault(entry.pid, entry.steady)
    for its_runs in runs.values():
        for run in its_runs:
            when = struck.get(run.pid)
            if when is not None and (run.end is None or run.end.steady >= when):
                run.cut = when
    return runs


def run_again(entries: Sequence[Entry]) -> dict[str, int]:
    """How many runs each job had beyond those that its failures explain."""
    again = {}
    for name, runs in runs_of(entries).items():
        extra = len(runs) - 1 - sum(run.failed for run in runs[:-1])
        if extra:
            again[name] = extra
    return again


def _has_its_id(runs: Sequence[Run], accepted: Entry | None) -> bool:
    ids = {run.start.job for run in runs}
    return len(ids) == 1 and (accepted is None or ids == {accepted.job})


def _judge_pair(name: str, one: Run, next_one: Run, verdict: Verdict) -> None:
    # Its process was struck, before or right after its end was written: it may not be settled.
    unsettled = one.cut is not None or one.pid in verdict_struck(one)
    if not unsettled and not one.failed:
        verdict.doubled.append(name)
    ended = one.end.steady if one.end is not None else one.cut
    if one.cut is None and (ended is None or next_one.start.steady < ended):
        verdict.overlap.append(name)
    steps = (
        next_one.start.attempt - one.start.attempt,
        next_one.start.redeliveries - one.start.redeliveries,
    )
    if steps[0] not in (0, 1) or steps[1] < 0 or (steps == (0, 0)):
        verdict.attempts.append(name)
