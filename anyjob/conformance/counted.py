"""What a backend counts, compared as sharply as it says that it counts."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from anyjob.conformance.stage import eventually
from anyjob.core.backend import Backend, Counts


class Counted:
    """The jobs of a queue by state, to be compared with (ready, scheduled, leased, dead).

    Counts that come to rest late are looked at again, for so many seconds of real time, until they
    are what is expected. What nobody can tell is None, and equals any number. Where ready jobs
    alone are counted, those do not count that went ahead to a consumer.
    """

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, backend: Backend, queue: str, within: float) -> None:
        self._backend = backend
        self._queue = queue
        self._within = within
        self.now = self._look()

    def __eq__(self, other: object) -> bool:
        expected = other.now if isinstance(other, Counted) else other
        if not isinstance(expected, tuple):
            return NotImplemented
        return eventually(partial(self._is, expected), self._within)

    def __getitem__(self, at: int) -> int | None:
        """One of the four, once they came to rest."""
        before = None
        while self.now != before and self._within:
            before = self.now
            eventually(lambda: False, self._within)
            self.now = self._look()
        return self.now[at]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.now)

    def __repr__(self) -> str:
        return repr(self.now)

    def _look(self) -> tuple[int, int | None, int | None, int]:
        counts: Counts = self._backend.counts(self._queue)
        return counts.ready, counts.scheduled, counts.leased, counts.dead

    def _is(self, expected: tuple[int | None, ...]) -> bool:
        self.now = self._look()
        capabilities = self._backend.capabilities
        ahead = capabilities.prefetch if capabilities.counts == "ready" else 0
        ready, *rest = zip(self.now, expected, strict=True)
        return _is_within(*ready, ahead) and all(_is_within(*each, 0) for each in rest)


def _is_within(seen: int | None, expected: int | None, ahead: int) -> bool:
    if seen is None or expected is None:
        return True
    return expected - ahead <= seen <= expected
