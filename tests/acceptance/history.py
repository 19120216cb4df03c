"""The judge: reads the lines of a diary and says what no backend and no worker may do."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

#: A line of `Diary`; beside "begin" and "end", tests write "killed" and "frozen" of a process.
Line = Mapping[str, Any]


@dataclass
class Run:
    """One run of a job, from its beginning to its end, or to what befell its process."""

    begin: Line
    end: Line | None = None
    #: killed or frozen, once that befell its process after it had begun.
    struck: Line | None = None


@dataclass
class Verdict:
    """Each list holds the jobs that broke one rule; all are empty in a good history."""

    #: Accepted, and never run to an end.
    lost: list[str] = field(default_factory=list)
    #: Run though nobody was told that it was accepted.
    phantom: list[str] = field(default_factory=list)
    #: Run again though the run before it neither failed nor had its process struck.
    doubled: list[str] = field(default_factory=list)
    #: Begun before it was due.
    early: list[str] = field(default_factory=list)
    #: Two runs at once, the first in a process that was not struck.
    overlap: list[str] = field(default_factory=list)
    #: A number of attempt or redelivery that does not follow from the run before.
    attempts: list[str] = field(default_factory=list)

    @property
    def broken(self) -> dict[str, list[str]]:
        return {rule: jobs for rule, jobs in vars(self).items() if jobs}


def judged(
    lines: Sequence[Line],
    accepted: Collection[str],
    *,
    uncertain: Collection[str] = (),
    failing: Collection[str] = (),
    due: Mapping[str, float] | None = None,
) -> Verdict:
    """Return the verdict on a history that has come to rest.

    `uncertain` jobs may have been stored or not; `failing` ones may fail, all others end well or
    are cut off; `due` is when a job may begin at the earliest, by the diary's clock.
    """
    verdict, runs, due = Verdict(), runs_of(lines), due or {}
    for job in sorted(accepted):
        if not any(run.end is not None for run in runs.get(job, ())):
            verdict.lost.append(job)
    for job, its_runs in runs.items():
        if job not in accepted and job not in uncertain:
            verdict.phantom.append(job)
        if any(run.begin["at"] < due.get(job, 0.0) for run in its_runs):
            verdict.early.append(job)
        for before, after in pairwise(its_runs):
            _judge_pair(job, before, after, verdict, may_fail=job in failing)
    return verdict


def runs_of(lines: Sequence[Line]) -> dict[str, list[Run]]:
    """Group the runs by job, in the order of their beginning."""
    runs: dict[str, list[Run]] = defaultdict(list)
    by_lease: dict[tuple[str, int], Run] = {}
    by_process: dict[int, list[Run]] = defaultdict(list)
    for line in lines:
        match line["event"]:
            case "begin":
                run = by_lease[line["job"], line["token"]] = Run(line)
                runs[line["job"]].append(run)
                by_process[line["pid"]].append(run)
            case "end":
                by_lease[line["job"], line["token"]].end = line
            case "killed" | "frozen":
                for run in by_process[line["pid"]]:
                    run.struck = run.struck or line
    return runs


def _judge_pair(job: str, before: Run, after: Run, verdict: Verdict, *, may_fail: bool) -> None:
    was_struck = before.struck is not None and before.struck["at"] <= after.begin["at"]
    attempts = after.begin["attempt"] - before.begin["attempt"]
    lost_leases = after.begin["redeliveries"] - before.begin["redeliveries"]
    has_failed = may_fail and attempts == 1 and before.end is None
    if not was_struck and not has_failed:
        verdict.doubled.append(job)
    if not was_struck and not has_failed and _goes_on(before, after.begin["at"]):
        verdict.overlap.append(job)
    # What failed counts as an attempt, what was cut off as a lost lease, and never as both.
    was_cut_off = was_struck and attempts == 0 and lost_leases >= 1
    if not was_cut_off and not (has_failed and lost_leases >= 0):
        verdict.attempts.append(job)


def _goes_on(run: Run, at: float) -> bool:
    return run.end is None or bool(run.end["at"] > at)
