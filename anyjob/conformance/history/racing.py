"""What one of several racers does, and what it found: plain values, for the parent to judge."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from anyjob.conformance.history.part import Part
from anyjob.conformance.stage import maintain_all
from anyjob.core.backend import Backend, QueueSpec
from anyjob.core.envelope import Accepted, Duplicate, Envelope, Unique
from anyjob.core.store import ClaimRequest, Delete, Member, Put, Store

Facts = Mapping[str, Any]


def race(part: Part) -> None:
    """Open, wait for the others, do one thing, and leave what came of it."""
    facts = part.order.facts
    races: Mapping[str, Callable[[Any, str, Facts], Any]] = {**BACKEND_RACES, **STORE_RACES}
    act = races[facts["race"]]
    opened = part.store() if facts["race"] in STORE_RACES else part.backend()
    try:
        Path(part.order.history, f"{part.name}.ready").touch()
        part.hand.wait_for_go()
        found = act(opened, part.name, facts)
    finally:
        opened.close()
    path = Path(part.order.history, f"{part.name}.json")
    path.write_bytes(msgspec.json.encode(found))


# A backend


def declare(backend: Backend, who: str, facts: Facts) -> str:
    """Open once more, declare, and send a job."""
    backend.open()
    backend.declare([QueueSpec(queue) for queue in facts["queues"]])
    [receipt] = backend.enqueue([_job(facts["jobs"][facts["racers"].index(who)], facts)])
    return type(receipt).__name__


def unique(backend: Backend, who: str, facts: Facts) -> list[list[str]]:
    """Send a job under each key; what became of it, and whom the receipt names."""
    jobs = facts["jobs"][facts["racers"].index(who)]
    found = []
    for job, key in zip(jobs, facts["keys"], strict=True):
        [receipt] = backend.enqueue([_job(job, facts, unique=Unique(key))])
        is_accepted = isinstance(receipt, Accepted)
        found.append([job, job if is_accepted else getattr(receipt, "id", "rejected")])
    return found


def resend(backend: Backend, who: str, facts: Facts) -> list[str]:
    """Send the same jobs as everybody; those that were accepted."""
    accepted = []
    for job in facts["jobs"]:
        [receipt] = backend.enqueue([_job(job, facts)])
        if isinstance(receipt, Accepted):
            accepted.append(job)
        else:
            assert receipt == Duplicate(job), f"{job} was refused with {receipt!r}"
    return accepted


def revive(backend: Backend, who: str, facts: Facts) -> int:
    return backend.revive(facts["queue"], None)


def cancel(backend: Backend, who: str, facts: Facts) -> list[str]:
    return [str(result) for result in backend.cancel(facts["queue"], facts["jobs"])]


def maintain(backend: Backend, who: str, facts: Facts) -> None:
    maintain_all(backend.maintain)


# A store


def put(store: Store, who: str, facts: Facts) -> list[list[Any]]:
    """Make each key if nobody has, write over what is there, and remove that, all by version.

    What was done to which version: (key, version before, version after).
    """
    done: list[list[Any]] = []
    for key in facts["keys"]:
        [made] = store.put([Put(key, who.encode(), if_absent=True)])
        if made.done:
            done.append([key, None, made.version])
        if made.version is None:
            continue
        [replaced] = store.put([Put(key, who.encode(), if_version=made.version)])
        if replaced.done:
            done.append([key, made.version, replaced.version])
        if replaced.version is None:
            continue
        [removed] = store.delete([Delete(key, if_version=replaced.version)])
        if removed.done:
            done.append([key, replaced.version, None])
    return done


def add(store: Store, who: str, facts: Facts) -> int:
    """Add one to a value so many times, each by compare-and-set; how often that was refused."""
    refused = 0
    for _ in range(facts["times"]):
        while True:
            [entry] = store.get(["sum"])
            assert entry is not None
            value = str(int(entry.value) + 1).encode()
            [written] = store.put([Put("sum", value, if_version=entry.version)])
            if written.done:
                break
            refused += 1
    return refused


def claim(store: Store, who: str, facts: Facts) -> list[list[Any]]:
    requests = [ClaimRequest(key, who, 60.0) for key in facts["keys"]]
    claims = [store.claim([request])[0] for request in requests]
    return [[each.granted, each.owner, each.fence] for each in claims]


def members(store: Store, who: str, facts: Facts) -> list[list[Any]]:
    """Settle every member of every set, as everybody does."""
    found: list[list[Any]] = []
    for name in facts["sets"]:
        for ordinal in range(facts["size"]):
            [settled] = store.settle_members([Member(name, ordinal)])
            found.append([settled.changed, settled.remaining])
    return found


def increment(store: Store, who: str, facts: Facts) -> list[int]:
    return [store.increment([("counter", 1)])[0] for _ in range(facts["times"])]


def take_due(store: Store, who: str, facts: Facts) -> list[str]:
    """Schedule what everybody schedules, then take until nothing comes; what was taken."""
    store.schedule([("due", each, 1.0, b"value") for each in facts["entries"]])
    taken = []
    while got := store.take_due("due", 3, 60.0):
        taken += [each.id for each in got]
    return taken


def append(store: Store, who: str, facts: Facts) -> list[list[Any]]:
    """Append, and read on as the series grows; all that was read."""
    read: list[list[Any]] = []
    after: tuple[float, int] | None = None
    for number in range(facts["times"]):
        store.append([("series", f"{who} {number}".encode())], 600.0)
        time.sleep(0)
        for point in store.series("series", after, 1000):
            after = point.at, point.sequence
            read.append([point.at, point.sequence, point.value.decode()])
    return read


def _job(job_id: str, facts: Facts, unique: Unique | None = None) -> Envelope:
    return Envelope(id=job_id, queue=facts["queue"], body=job_id.encode(), unique=unique)


BACKEND_RACES: Mapping[str, Callable[[Backend, str, Facts], Any]] = {
    "declare": declare,
    "unique": unique,
    "resend": resend,
    "revive": revive,
    "cancel": cancel,
    "maintain": maintain,
}
STORE_RACES: Mapping[str, Callable[[Store, str, Facts], Any]] = {
    "put": put,
    "add": add,
    "claim": claim,
    "members": members,
    "increment": increment,
    "take_due": take_due,
    "append": append,
}
