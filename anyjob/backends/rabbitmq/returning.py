"""What a consumer gives back when it ends: what it holds, and what came and nobody was given."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Protocol

from anyjob.backends.rabbitmq.held import Held, Hold
from anyjob.backends.rabbitmq.line import Line
from anyjob.backends.rabbitmq.lines import Lines
from anyjob.backends.rabbitmq.loop import settle
from anyjob.core.settlement import Answer, Release, Settlement


class Start(Protocol):
    """Begins with settlements of holds, from any thread; `done` is told in the loop."""

    def __call__(
        self,
        lot: Sequence[Settlement],
        holds: Sequence[Hold | None],
        done: Callable[[list[Answer]], None],
        /,
    ) -> None: ...


class Returning:
    """Gives back, once."""

    def __init__(self, lines: Lines, held: Held, start: Start) -> None:
        self._lines = lines
        self._held = held
        self._start = start

    def give_all(self, deadline: float) -> None:
        """Give back what is held, with its counts, and what nobody was given; raises TimeoutError
        when the broker does not answer.
        """
        # Or the lines would be given what they give back.
        asked = partial(self._lines.ask, self._closed())
        self._lines.loop.ask(asked, max(0.0, deadline - time.monotonic()))
        unseen = self._unseen()
        with self._lines.lock:
            # In the order in which they were handed out, before what was not.
            held = [*self._held.take_all(), *unseen]
        if held:
            future: Future[None] = Future()
            self._release(held, lambda _: settle(future, None))
            future.result(max(0.0, deadline - time.monotonic()))

    def give_unseen(self) -> None:
        """Close the lines, and then give back what nobody was given; in the loop."""
        told: Future[bool] = Future()
        told.add_done_callback(lambda _: self._release_unseen())
        self._lines.ask(self._closed(), told)

    def _release_unseen(self) -> None:
        if held := self._unseen():
            self._release(held, lambda _: None)

    def _release(self, held: Sequence[Hold], done: Callable[[list[Answer]], None]) -> None:
        self._start([Release(lease=hold.lease) for hold in held], held, done)

    def _unseen(self) -> list[Hold]:
        """What was not handed out, to be released. What has no lost lease yet goes back at once and
        keeps its place: the broker counts one, and one makes nobody suspect.
        """
        held = []
        with self._lines.lock:
            for line in self._lines.every:
                plain = []
                while line.buffer:
                    hold = self._held.hold(line, line.buffer.popleft())
                    if hold.record.redeliveries:
                        held.append(hold)
                    else:
                        plain.append(hold.tag)
                if plain:
                    self._lines.loop.call(partial(line.give_back, plain))
        return held

    def _closed(self) -> list[tuple[Line, int]]:
        return [(line, 0) for line in self._lines.every]
