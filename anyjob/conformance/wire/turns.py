"""Whose request goes next among several clients: a seeded choice, made when all of them want to
send.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

#: Seconds after which those who want to send no longer wait for one that sends nothing.
PATIENCE = 0.1


class Turns:
    """Lets one request at a time pass, from its first byte to its answer; any thread.

    It rules while all `clients` take part; what one sends before or after that passes at once.
    """

    def __init__(self, seed: int, clients: int) -> None:
        self._random = random.Random(seed)
        self._clients = clients
        self._present: set[str] = set()
        self._condition = threading.Condition()
        #: Requests that wait, each by its client: one may have several connections.
        self._waiting: list[tuple[str, object]] = []
        self._holder: str | None = None
        #: The names of the clients in the order in which their requests went.
        self.order: list[str] = []

    @contextmanager
    def taking_part(self, client: str) -> Iterator[None]:
        """Have the order of this client's requests chosen, from when everybody is there."""
        with self._condition:
            self._present.add(client)
            self._condition.notify_all()
            self._condition.wait_for(lambda: len(self._present) >= self._clients, 10.0)
        try:
            yield
        finally:
            with self._condition:
                # One that is alone is nobody to choose from.
                self._clients -= 1
                self._condition.notify_all()

    def take(self, client: str) -> None:
        """Wait for the turn of `client`."""
        with self._condition:
            if self._holder == client or client not in self._present:
                return  # its next request, before the answer to the last one; or nobody's business
            request = (client, object())
            self._waiting.append(request)
            deadline = time.monotonic() + PATIENCE
            while request in self._waiting:
                late = time.monotonic() >= deadline
                if self._holder is None and (late or len(self._names) >= self._clients):
                    self._choose()
                else:
                    self._condition.wait(PATIENCE / 10)

    def give(self, client: str) -> None:
        """End the turn of `client`: it was answered, or its connection is gone."""
        with self._condition:
            if self._holder == client:
                self._holder = None
                self._condition.notify_all()

    @property
    def _names(self) -> set[str]:
        return {name for name, _ in self._waiting}

    def _choose(self) -> None:
        # Sorted, so that who came first decides nothing.
        chosen = self._random.choice(sorted(self._names))
        self._waiting.remove(next(each for each in self._waiting if each[0] == chosen))
        self._holder = chosen
        self.order.append(chosen)
        self._condition.notify_all()
