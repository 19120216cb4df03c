"""What the jobs of a history do: their bodies say it, and consumers obey."""

from __future__ import annotations

from random import Random
from uuid import UUID

from anyjob.conformance.scene import UUID_V7
from anyjob.core.settlement import (
    Abandon,
    Bury,
    Complete,
    Lease,
    Release,
    Retry,
    Settlement,
)

#: done: completes. fails: is retried once. broken: is retried until it is buried. released,
#: abandoned: so once or twice. parent: completes with a child. long: runs longer than a lease, and
#: is extended. stalls: runs longer than a lease, and is not. twice: is settled twice. poison: kills
#: whoever runs it.
COMMON = (*("done",) * 12, "fails", "broken", "released", "abandoned", "parent", "twice")
#: Some of each, in every history.
SPECIAL = ("long", "stalls", "poison", "stalls")


def job_id(random: Random) -> str:
    """A UUID of version 7 that nobody else makes."""
    return str(UUID(int=random.getrandbits(128) & ~(0xF << 76 | 0b11 << 62) | UUID_V7))


def body(work: str, random: Random) -> bytes:
    """A body of any bytes and several sizes that begins with what is to be done."""
    size = random.choice([0, 0, 20, 20, 200, 5_000])
    return work.encode() + b"\x00" + random.randbytes(size)


def work_of(lease: Lease) -> str:
    """What the body says; "done" for one that came back changed."""
    work = lease.body.partition(b"\x00")[0].decode("ascii", "replace")
    return work if work in {*COMMON, *SPECIAL} else "done"


def settlement_for(
    lease: Lease, work: str, random: Random, *, max_attempts: int, can_bury: bool, can_delay: bool
) -> Settlement:
    """How a run of such a job ends."""
    if work == "broken" or (work == "fails" and lease.attempt == 1):
        if lease.attempt >= max_attempts:
            return Bury(lease=lease, reason="failed") if can_bury else Complete(lease=lease)
        delay = random.choice([0.0, 0.05]) if can_delay else 0.0
        return Retry(lease=lease, delay=delay, note=b"failed")
    if work == "released" and random.random() < 0.7:
        return Release(lease=lease)
    # By chance, too: a backend that forgets lost leases would hand it out for ever.
    if work == "abandoned" and lease.redeliveries == 0 and random.random() < 0.7:
        return Abandon(lease=lease)
    return Complete(lease=lease)
