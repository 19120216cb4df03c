"""What a peer's application is told by its environment. It needs the standard library alone."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from benchmarks import bodies

#: Variables that name the server, and how many jobs may run at once where no option does.
REDIS = "BENCH_REDIS"
CONCURRENCY = "BENCH_CONCURRENCY"
#: The variable that asks Celery to acknowledge after the run.
CELERY_LATE = "BENCH_CELERY_LATE"
#: Seconds after which a killed worker's jobs should run again; without it, the peer's defaults.
RECOVERY = "BENCH_RECOVERY"
#: The name of the queue, where a server is not emptied between two rounds.
NAME = "BENCH_QUEUE"
#: Seconds between two looks for work of those that poll.
POLL = "BENCH_POLL"

URL = os.environ.get(REDIS, "")
AT_ONCE = int(os.environ.get(CONCURRENCY, "10"))
BACK_AFTER = float(os.environ.get(RECOVERY, "0"))
LOOK_EVERY = float(os.environ.get(POLL, "0.01"))
QUEUE = os.environ.get(NAME, "bench")

#: The tasks by name, for those that run functions and for those that run coroutines.
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "noop": bodies.noop,
    "lag": bodies.lag,
    "pause": bodies.pause,
    "nap": bodies.nap,
}
COROUTINES: dict[str, Callable[..., Any]] = {
    "noop": bodies.async_noop,
    "lag": bodies.async_lag,
    "pause": bodies.async_pause,
    "nap": bodies.async_nap,
}
