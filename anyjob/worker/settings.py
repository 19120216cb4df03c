"""How one worker works; every duration in seconds, every size in bytes."""

from __future__ import annotations

import math
import os
import socket

import msgspec

from anyjob.core.backend import QueueShare
from anyjob.core.errors import ConfigurationError
from anyjob.core.limits import MAX_PAYLOAD
from anyjob.core.result import MAX_RESULT
from anyjob.core.verdict import MAX_REDELIVERIES


class WorkerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker does and how long it waits; raises ConfigurationError where out of range."""

    shares: tuple[QueueShare, ...]
    #: How many jobs run at once, sync and async together.
    concurrency: int = 32
    lease: float = 30.0
    #: How long running jobs have to finish once the worker drains.
    grace: float = 25.0
    #: How long an attempt over its timeout has to end before it is judged without it.
    cancel_grace: float = 5.0
    #: End once the queues are empty and nothing is held.
    burst: bool = False
    max_redeliveries: int = MAX_REDELIVERIES
    unknown_task_grace: float = 3600.0
    max_payload: int = MAX_PAYLOAD
    max_result: int = MAX_RESULT
    name: str = ""

    def __post_init__(self) -> None:
        _at_least("concurrency", self.concurrency, 1)
        _at_least("lease", self.lease, 1)
        _at_least("grace", self.grace, 0)
        _at_least("cancel_grace", self.cancel_grace, 0)
        _at_least("max_redeliveries", self.max_redeliveries, 0)
        _at_least("unknown_task_grace", self.unknown_task_grace, 0)
        if not self.shares:
            raise ConfigurationError(
                "a worker needs at least one queue; register a task, or name queues"
            )


def default_name() -> str:
    """Return a name that tells people which process this is."""
    return f"{socket.gethostname()[:40]}:{os.getpid()}"


def _at_least(name: str, value: float, least: float) -> None:
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not math.isfinite(value)
        or value < least
    ):
        raise ConfigurationError(f"expected {name} to be {least} or more, got {value!r}")
