"""How a settlement changes the queues."""

from __future__ import annotations

from anyjob.backends.memory.queue import Queue
from anyjob.backends.memory.space import Space
from anyjob.core.settlement import Answer, Bury, Complete, End, Release, Retry, Settlement
from anyjob.core.state import State

DONE = Answer.DONE
LEASE_LOST = Answer.LEASE_LOST
SUCCEEDED = State.SUCCEEDED


def apply(space: Space, settlement: Settlement, wall: float, mono: float) -> Answer:
    """Carry out a settlement if its lease is the newest of its job; the space's lock is held.

    A lease past its end that nobody took back may still settle.
    """
    lease = settlement.lease
    queue = space.queues.get(lease.queue)
    job = None if queue is None else queue.leased.get(lease.id)
    if queue is None or job is None or job.token != lease.token:
        return LEASE_LOST
    del queue.leased[lease.id]
    if settlement.note is not None:
        job.note = settlement.note
    match settlement:
        case Complete():
            queue.end(job, SUCCEEDED, wall, mono, settlement.keep, settlement.outcome)
        case Retry():
            job.attempts += 1
            queue.wait(job, wall + settlement.delay, wall)
        case Release() if settlement.delay:
            queue.wait(job, wall + settlement.delay, wall)
        case Release():
            queue.put_back(job, wall)
        case Bury():
            job.attempts += settlement.ran
            job.outcome = settlement.outcome
            queue.bury(job, settlement.reason, wall)
        case End():
            queue.end(job, State(settlement.state), wall, mono, settlement.keep, settlement.outcome)
        case _:
            job.redeliveries += 1
            queue.put_back(job, wall)
    for child in settlement.then:
        space.queue(child.queue).add(child, wall, mono)
    return DONE


def release(queue: Queue, session: int, wall: float) -> None:
    """Put back every job that the consumer of this session holds, nothing counted."""
    held = [job for job in queue.leased.values() if job.token >> 32 == session]
    # From the last place to the first, so that each goes to the very head.
    for job in sorted(held, key=lambda job: -job.place):
        del queue.leased[job.id]
        queue.put_back(job, wall)
