"""What makes the jobs of a killed worker run again, as soon as each peer permits.

Where the time is free, it is the lease that anyjob is given. The applications set what is set in
them, by the variable RECOVERY; here is the rest, and how a row tells of it.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from benchmarks.kills import LEASE


class Recovery(msgspec.Struct, frozen=True, kw_only=True):
    """What one peer needs for it."""

    told: str
    #: Of its worker's command.
    options: str = ""
    #: Where it makes the peer acknowledge otherwise than it does without.
    acknowledges: Literal["early", "late"] | None = None


_CELERY = f"prefetch 1, visibility_timeout {LEASE:g} s, restored every second"

RECOVERIES = {
    "Celery prefork": Recovery(told=_CELERY),
    "Celery threads": Recovery(told=_CELERY),
    "Dramatiq": Recovery(
        told=f"heartbeat_timeout {LEASE:g} s, maintenance with each command",
    ),
    "RQ SimpleWorker": Recovery(
        told="job timeout 1 s, which is kept for 60 s more, Retry(3), maintenance every second",
        options="--maintenance-interval 1 --worker-ttl 16",
        acknowledges="late",
    ),
    "Huey": Recovery(told="nothing that brings them back"),
    "taskiq stream": Recovery(told=f"idle_timeout and lock {LEASE:g} s"),
    "SAQ": Recovery(told=f"job timeout {LEASE:g} s, 3 retries, swept every second"),
    "arq": Recovery(told="job timeout 1 s, which is kept for 10 s more"),
    "streaQ": Recovery(told=f"idle_timeout {LEASE:g} s"),
}
