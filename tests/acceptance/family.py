"""A process that completes parents with children: `python -m tests.acceptance.family`.

It speaks to the backend itself, as no task can ask for `then` children yet, and ends once no parent
is left.
"""

from __future__ import annotations

import time
import uuid

import msgspec

from anyjob.core.backend import QueueShare
from anyjob.core.envelope import Envelope
from anyjob.core.settlement import Complete, Lease
from anyjob.core.wire import Body, encode_body
from tests.acceptance import program
from tests.acceptance.diary import write

CHILDREN = 2
_SECONDS = 3.0


def children_of(parent: str) -> list[str]:
    """The ids of a parent's children, the same whoever asks."""
    return [str(uuid.uuid5(uuid.UUID(parent), str(number))) for number in range(CHILDREN)]


def complete_all() -> None:
    jobs = program.make()
    consumer = jobs.backend.consume([QueueShare("default")], lease=_SECONDS, worker="family")
    while leases := consumer.fetch(100, timeout=3 * _SECONDS):
        for lease in leases:
            _live(lease)
        consumer.settle([_with_children(lease) for lease in leases])
        consumer.flush(5.0)
        if jobs.counts().leased == jobs.counts().ready == 0:
            return


def _live(lease: Lease) -> None:
    facts = {"attempt": lease.attempt, "redeliveries": lease.redeliveries, "token": lease.token}
    write(program.folder(), "begin", lease.id, **facts)
    write(program.folder(), "end", lease.id, token=lease.token)


def _with_children(lease: Lease) -> Complete:
    return Complete(lease=lease, then=tuple(_envelope(id) for id in children_of(lease.id)))


def _envelope(id: str) -> Envelope:
    nothing = msgspec.Raw(b"{}")
    body = Body(v=1, id=id, task="work", args=nothing, queue="a", enqueued_at=time.time())
    return Envelope(id, "a", encode_body(body))


if __name__ == "__main__":
    complete_all()
