"""What the journal tells about each job. Pure: events in, stories out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from examples.shop.journal import AnyEvent, Ended, Enqueued, Killed, Restarted, Revived, Started


@dataclass(slots=True)
class Run:
    """One attempt, as its process wrote it down."""

    attempt: int
    pid: int
    started: float
    #: How often the job had been revived before; attempts are counted anew each time.
    life: int
    ended: float | None = None
    error: str | None = None

    @property
    def succeeded(self) -> bool:
        return self.ended is not None and self.error is None

    @property
    def failed(self) -> bool:
        return self.error is not None


@dataclass(slots=True)
class Story:
    """A job that was handed in, and all its runs in the order of their starts."""

    job: Enqueued
    runs: list[Run] = field(default_factory=list)
    revivals: int = 0

    @property
    def is_done(self) -> bool:
        return any(run.succeeded for run in self.runs)

    @property
    def retried(self) -> bool:
        return any(run.attempt > 1 for run in self.runs)

    @property
    def has_failed(self) -> bool:
        """Whether the last run failed: the job is dead, unless it is retried yet."""
        return bool(self.runs) and self.runs[-1].failed and self.runs[-1].life == self.revivals

    @property
    def is_lost(self) -> bool:
        return not self.is_done and not self.has_failed

    @property
    def ran_twice(self) -> bool:
        """Whether one attempt was begun more than once, as after the death of a worker."""
        begun = Counter((run.life, run.attempt) for run in self.runs)
        return max(begun.values(), default=0) > 1

    @property
    def wait(self) -> float | None:
        """Seconds from being ready to the first start; None before it."""
        if not self.runs:
            return None
        return self.runs[0].started - self.job.at - self.job.delay


class History:
    """All stories by job id, gathered from events in the order of the journal."""

    def __init__(self) -> None:
        self.stories: dict[str, Story] = {}
        self.killed: list[Killed] = []
        self.restarts: list[Restarted] = []
        # A worker may start a job before the shop has noted that it was accepted.
        self._early: dict[str, list[Run]] = {}

    def add(self, events: Iterable[AnyEvent]) -> None:
        for event in events:
            match event:
                case Enqueued():
                    runs = self._early.pop(event.job, [])
                    self.stories[event.job] = Story(event, runs)
                case Started():
                    self._start(event)
                case Ended():
                    self._end(event)
                case Revived():
                    self.stories[event.job].revivals += 1
                case Killed():
                    self.killed.append(event)
                case Restarted():
                    self.restarts.append(event)

    @property
    def strangers(self) -> list[str]:
        """Jobs that ran although this run of the shop never handed them in."""
        return list(self._early)

    def of_task(self, task: str) -> list[Story]:
        return [story for story in self.stories.values() if story.job.task == task]

    def held_by(self, pid: int) -> list[tuple[Story, Run]]:
        """The runs that a process has begun and not ended."""
        return [
            (story, run)
            for story in self.stories.values()
            for run in story.runs
            if run.pid == pid and run.ended is None
        ]

    def _start(self, event: Started) -> None:
        story = self.stories.get(event.job)
        life = story.revivals if story else 0
        self._runs_of(event.job).append(Run(event.attempt, event.pid, event.at, life))

    def _end(self, event: Ended) -> None:
        for run in self._runs_of(event.job):
            if (run.attempt, run.pid, run.ended) == (event.attempt, event.pid, None):
                run.ended, run.error = event.at, event.error
                return

    def _runs_of(self, job: str) -> list[Run]:
        story = self.stories.get(job)
        return story.runs if story else self._early.setdefault(job, [])
