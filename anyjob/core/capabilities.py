"""What a backend can do, as levels and numbers, and the plan that checks a need against it.

The rows are those of the capability table in the documentation; the conformance suite proves each
of them.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from anyjob.core.errors import ConfigurationError, UnsupportedCapability
from anyjob.core.names import suggestion
from anyjob.core.state import State

Level = Literal["native", "emulated", "none"]
#: What a store gives to a backend that lacks it.
FROM_STORE = frozenset({"dedup", "delay", "results", "cancel", "unique", "pause"})


class Capabilities(msgspec.Struct, frozen=True, kw_only=True):
    """What an opened backend declares; constant while it is open. Times in seconds, sizes in bytes.

    `None` as a number means: no limit.
    """

    product: str
    version: str
    emulator: bool = False

    #: Who shares the jobs: one process, the processes of one host, or any host.
    reach: Literal["process", "host", "network"] = "network"
    #: How a lease ends by itself: at its time, with its connection, or never: "none" is at most
    #: once, as a job is gone when it is handed out, and whoever dies takes it along.
    lease: Literal["timed", "connection", "none"]
    max_lease: float | None = None
    fencing: Literal["token", "local"]
    #: Whether a job has one live lease at most and never comes again once it is over; False where
    #: the service gives its best and no promise, as SQS standard queues do.
    exclusive: bool = True
    durability: Literal["none", "process", "os"]
    #: Seconds after which a job that waits or is dead is gone, whatever anybody wants; since it was
    #: put there last, or as a whole.
    retention: float | None = None
    failover: Literal["none", "lossy", "lossless"] = "none"

    dedup: Literal["window", "none"]
    dedup_window: float
    atomic_batch: bool
    max_batch: int
    atomic_children: bool
    transaction: bool

    delay: Level
    resolution: float
    max_delay: float | None = None
    schedule_lag: float

    priorities: int
    low_share: Level
    order: Literal["fifo", "loose"]
    redeliveries: Literal["exact", "upper"]
    release: Literal["place", "count", "none"]

    dead: Level
    #: "ready": of ready and dead jobs alone, and approximate.
    counts: Literal["exact", "approximate", "ready"]
    browse: Literal["all", "dead", "none"]
    results: Level
    cancel: Level
    unique: Level
    pause: Level

    wait: Literal["block", "poll", "push"]
    wakeup_lag: float
    visibility_lag: float
    redelivery_lag: float
    prefetch: int = 0
    max_payload: int
    clock: Literal["backend", "client"] = "backend"

    def lacks(self, name: str) -> bool:
        """Whether the capability of this name is declared absent."""
        level = getattr(self, name)
        return level == "none" or level is False

    def lists(self, state: State) -> bool:
        """Whether `browse` lists jobs of this state."""
        return self.browse == "all" or (self.browse == "dead" and state is State.DEAD)

    def check_length(self, seconds: float | None, asked_by: str) -> None:
        """Raise UnsupportedCapability if an attempt of so many seconds, None for no limit, outlasts
        the longest time that a job can be kept with one worker.
        """
        if self.max_lease is None or seconds is None or seconds < self.max_lease:
            return
        raise UnsupportedCapability(
            "max_lease",
            f"{asked_by} may run for {seconds:g} s, and {self.product} takes a job back after"
            f" {self.max_lease:g} s; give it a shorter timeout, let the backend leave jobs for"
            " longer, or set allow_long_jobs = true, with which such a job may run twice",
        )

    def require(self, need: Need) -> Level:
        """Return how `need` is met: "native" or "emulated"; raise UnsupportedCapability if nobody
        can.
        """
        if need.capability not in self.__struct_fields__:
            raise ConfigurationError(
                f"{need.asked_by} needs {need.capability!r}, which is no capability"
                f"{suggestion(need.capability, self.__struct_fields__)}"
            )
        if self.lacks(need.capability):
            remedy = "or use a backend that declares it"
            if need.capability in FROM_STORE:
                remedy = f"add store=... that gives it, {remedy}"
            raise UnsupportedCapability(
                need.capability,
                f"{need.asked_by} needs {need.what}, which {self.product} cannot do; leave it out,"
                f" {remedy}",
            )
        if (
            need.capability == "delay"
            and self.max_delay is not None
            and need.amount > self.max_delay
        ):
            raise UnsupportedCapability(
                "max_delay",
                f"{need.asked_by} needs {need.what} of {need.amount:g} s, longer than the"
                f" {self.max_delay:g} s of {self.product}; delay it by"
                f" {self.max_delay:g} s at most, add store=... that gives it, or use another"
                " backend",
            )
        return "emulated" if getattr(self, need.capability) == "emulated" else "native"


class Need(msgspec.Struct, frozen=True):
    """One thing that a task's or a job's options ask of the backend."""

    #: The field of `Capabilities` that must be neither "none" nor False.
    capability: str
    #: What is needed, in the words of the option: "a delay", "a unique key".
    what: str
    #: Who asks: "task 'send_receipt'".
    asked_by: str
    #: Seconds, where the need has a length.
    amount: float = 0.0


class Planned(msgspec.Struct, frozen=True):
    """One line of the plan that `anyjob doctor` prints."""

    need: Need
    level: Level


def plan(capabilities: Capabilities, needs: list[Need]) -> list[Planned]:
    """Return how each need is met; raises UnsupportedCapability at the first that is not."""
    return [Planned(need, capabilities.require(need)) for need in needs]
