"""What an administrator does to the jobs of a queue; the space's lock is held."""

from __future__ import annotations

from collections.abc import Sequence

from anyjob.backends.memory.job import LEASED, READY, SCHEDULED, Job
from anyjob.backends.memory.queue import Queue
from anyjob.core.backend import CancelResult
from anyjob.core.state import State


def cancel(queue: Queue, id: str, wall: float, mono: float, keep: float) -> CancelResult:
    """End a waiting job; say what any other one is doing."""
    job = queue.find(id, mono)
    if job is None:
        return CancelResult.UNKNOWN
    if job.state is LEASED:
        return CancelResult.RUNNING
    if job.state.is_terminal:
        return CancelResult.ENDED
    queue.withdraw(job)
    queue.end(job, State.CANCELLED, wall, mono, keep, None)
    return CancelResult.CANCELLED


def purge(queue: Queue, state: State) -> int:
    """Remove all ready, or all scheduled jobs; returns how many."""
    waiting = _ready(queue) if state is READY else _scheduled(queue)
    for job in waiting:
        queue.withdraw(job)
        queue.drop(job)
    return len(waiting)


def dead(queue: Queue, ids: Sequence[str] | None) -> list[Job]:
    """The dead jobs among `ids`, each once; all with None, oldest first."""
    if ids is None:
        return list(queue.dead.values())
    return [queue.dead[id] for id in dict.fromkeys(ids) if id in queue.dead]


def revive(queue: Queue, job: Job, wall: float, mono: float, body: bytes | None) -> bool:
    """Make a dead job ready, with another body if there is one; False if its unique key is held."""
    if job.unique is not None and queue.holder(job.unique.key, mono) is not None:
        return False
    del queue.dead[job.id]
    job.attempts = job.redeliveries = 0
    job.reason = job.ended = job.outcome = None
    if body is not None:
        job.body = body
    queue.take_key(job, mono)
    queue.append(job, wall)
    return True


def discard(queue: Queue, jobs: Sequence[Job]) -> int:
    """Remove dead jobs; returns how many."""
    for job in jobs:
        del queue.dead[job.id]
        queue.drop(job)
    return len(jobs)


def _ready(queue: Queue) -> list[Job]:
    return [job for line in queue.lines for job in line.after(0)]


def _scheduled(queue: Queue) -> list[Job]:
    return [job for _, _, job in queue.due if job.state is SCHEDULED]
