"""The defects that the contract's own list names, and the mutants that are yet to come."""

from __future__ import annotations

import msgspec

#: Bugs of other projects, each of which a mutant here repeats.
FIELD_BUGS = (
    "redis-py",
    "celery#7950",
    "kombu#1405",
    "kombu#1835",
    "watermill#437",
    "kombu#1098",
    "kombu#164",
    "kombu#2558",
    "dramatiq#258",
    "procrastinate#1518",
    "bull#1416",
    "lion-reader#917",
    "bull#308",
    "celery#9867",
    "taskiq",
    "kombu#337",
    "celery#3501",
    "dramatiq#444",
    "dramatiq#207",
    "faststream#2611",
    "rabbitmq-server#15725",
    "localstack#12278",
)

#: Properties that no backend here can have, and why.
NOBODYS = {
    "ORD-5": "contract 1.0 has no words for groups, so no backend here has them",
    "LIF-4": "there is one release so far; the next one will share a queue with it",
}


class Planned(msgspec.Struct, frozen=True):
    """A mutant that needs a wire to cut, a process to kill or a server to damage."""

    name: str
    fails: str
    #: The layer of the suite that it waits for.
    layer: str
    issue: str | None = None


WAITING = (
    Planned("pop, then record", "CRS-1", "crash"),
    Planned("remove before the job is added again", "CRS-1", "crash"),
    Planned("a purge marks in one request and removes in the next", "CRS-2", "crash"),
    Planned("a cut reply to a settlement is called done", "CRS-3", "crash"),
    Planned("a frozen server hangs a call", "CRS-4", "crash"),
    Planned("the queue is leaderless after a restart", "CRS-5", "server", "rabbitmq-server#15725"),
    Planned("alive after an outage, and not consuming", "CRS-6", "server", "dramatiq#207"),
    Planned("an id without a body crashes the fetch", "CRS-7", "server", "dramatiq#444"),
    Planned("an emptied server is asked in a hot loop", "CRS-8", "server", "faststream#2611"),
    Planned("the client library resends", "CRS-9", "crash", "redis-py"),
    Planned("a settlement is refused when the server is full", "CRS-10", "server"),
    Planned("a burial removes, then records", "DLQ-3", "crash"),
    Planned("a value is written in two requests", "STO-1", "crash"),
    Planned("a store does not come back after an outage", "STO-2", "server"),
)
