"""What is to become of a leased job before anybody runs it: one rule for every backend."""

from __future__ import annotations

from anyjob.core.settlement import Lease, Verdict
from anyjob.core.wire import Body

MAX_REDELIVERIES = 5
#: From so many lost leases on a job is run alone, so that a job that kills its worker takes no
#: neighbour along.
SUSPECT_REDELIVERIES = 2


def verdict_of(lease: Lease, body: Body, max_redeliveries: int = MAX_REDELIVERIES) -> Verdict:
    """Return the verdict: what the backend said, else poison, else expired, else run."""
    if lease.verdict is not Verdict.RUN:
        return lease.verdict
    if lease.redeliveries > max_redeliveries:
        return Verdict.POISON
    if body.expires is not None and lease.now >= body.expires:
        return Verdict.EXPIRED
    return Verdict.RUN


def is_suspect(lease: Lease) -> bool:
    """Whether this job is to run with nothing else beside it."""
    return lease.redeliveries >= SUSPECT_REDELIVERIES
