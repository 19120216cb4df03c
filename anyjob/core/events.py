"""What happened, told to whoever subscribed; watching changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import msgspec

from anyjob.core.errors import ConfigurationError, shown
from anyjob.core.names import suggestion

#: Every event, with what it means.
EVENTS: dict[str, str] = {
    "job.succeeded": "a job was completed",
    "job.retried": "an attempt failed and another will follow",
    "job.dead": "a job was buried",
    "job.cancelled": "a leased job ended as cancelled",
    "job.expired": "a leased job ended because it expired",
    "job.released": "a job went back without using an attempt",
    "job.reclaimed": "a job was leased again after its lease was lost",
    "lease.lost": "a lease was lost and the outcome of its attempt dropped",
    "worker.started": "a worker begins to fetch",
    "worker.stopped": "a worker has ended",
    "worker.slot_lost": "an attempt could not be ended and keeps its slot",
    "backend.down": "the backend does not answer",
    "backend.up": "the backend answers again",
    "backend.slow": "the backend took long to answer what it had not to wait for",
    "backend.replaced": "the storage under the backend was replaced",
    "backend.blocked": "the backend takes in no jobs for now, as it has no memory or disk left",
    "backend.failover": "another server took over, and the last writes may not have reached it",
    "store.down": "the store beside the backend does not answer",
    "store.up": "the store beside the backend answers again",
    "store.index_dropped": "a worker holds more leases than it tells of to whoever looks jobs up",
    "store.reset_detected": "the server lost all that it held, or another one took its place",
    "clock.jump": "the wall clock jumped",
}


class Event(msgspec.Struct, frozen=True):
    """One thing that happened. `job`, `task`, `queue` and `attempt` are set where a job is
    concerned.
    """

    name: str
    #: Seconds since the epoch.
    at: float
    job: str = ""
    task: str = ""
    queue: str = ""
    attempt: int = 0
    #: Which of several backends it is about; empty where the app has one.
    backend: str = ""
    #: Further facts, by event.
    facts: Mapping[str, Any] = {}


Subscriber = Callable[[Event], object]


class Subscribers:
    """Who listens to what. Subscribe before use; `tell` may be called from any thread."""

    def __init__(
        self,
        failed: Callable[[Event, BaseException], None],
        turn: AbstractContextManager[object] | None = None,
    ) -> None:
        """`failed` is told of an error that a subscriber raised; it goes no further. `turn` is held
        while subscribers are called, so that they are called one after the other.
        """
        self._failed = failed
        self._turn = turn if turn is not None else nullcontext()
        self._by_name: dict[str, list[Subscriber]] = {}

    def __bool__(self) -> bool:
        return bool(self._by_name)

    def add(self, name: str, subscriber: Subscriber) -> None:
        """Subscribe to one event, or to a family by "job.*", or to all by "*"; raises
        ConfigurationError.
        """
        for known in _matching(name):
            self._by_name.setdefault(known, []).append(subscriber)

    def wants(self, name: str) -> bool:
        """Whether anybody listens to this event."""
        return name in self._by_name

    def tell(self, event: Event) -> None:
        """Call the subscribers of an event, in the order of their subscription."""
        with self._turn:
            for subscriber in self._by_name.get(event.name, ()):
                try:
                    subscriber(event)
                except BaseException as error:  # user code: it must not disturb the job path
                    self._failed(event, error)


def _matching(name: str) -> list[str]:
    if not isinstance(name, str):
        raise ConfigurationError(
            f"expected the name of an event, got {shown(name)}; pass 'job.dead', for example"
        )
    if name in EVENTS:
        return [name]
    prefix = name.removesuffix("*")
    found = [known for known in EVENTS if name.endswith("*") and known.startswith(prefix)]
    if not found:
        raise ConfigurationError(f"no event {name!r}{suggestion(name, EVENTS)}")
    return found
