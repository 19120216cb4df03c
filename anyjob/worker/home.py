"""What slots ask of whoever holds an attempt's lease; of several backends, by its queue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from anyjob.core.attempt import Attempt
from anyjob.core.outcome import Outcome
from anyjob.core.settlement import Lease

if TYPE_CHECKING:
    from anyjob.worker.post import Post


class Holder(Protocol):
    """Where attempts begin."""

    def begin(self, attempt: Attempt) -> bool: ...
    def lose(self, attempt: Attempt, lease: Lease) -> bool: ...


class Judge(Protocol):
    """Where they end."""

    def conclude(self, attempt: Attempt, outcome: Outcome) -> bool: ...


class Pacer(Protocol):
    """How fast they are."""

    def is_quick(self, queue: str) -> bool: ...


class Homes:
    """Holder, judge and pacer of attempts of several backends; a queue is on one of them."""

    def __init__(self, by_queue: Mapping[str, Post]) -> None:
        self._by_queue = by_queue

    def begin(self, attempt: Attempt) -> bool:
        return self._by_queue[attempt.lease.queue].held.begin(attempt)

    def lose(self, attempt: Attempt, lease: Lease) -> bool:
        return self._by_queue[lease.queue].held.lose(attempt, lease)

    def conclude(self, attempt: Attempt, outcome: Outcome) -> bool:
        return self._by_queue[attempt.lease.queue].judgement.conclude(attempt, outcome)

    def is_quick(self, queue: str) -> bool:
        return self._by_queue[queue].pace.is_quick(queue)
