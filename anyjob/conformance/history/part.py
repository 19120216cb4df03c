"""One process or thread of a history: what it is told, and how it is stopped, frozen and killed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn, Protocol

import msgspec

from anyjob.conformance.harness import Harness, Site
from anyjob.conformance.history.events import Event, FaultStart
from anyjob.conformance.history.record import Recorder
from anyjob.core.backend import Backend
from anyjob.core.errors import BackendUnavailable, Misuse
from anyjob.core.store import Store

#: So long opening is tried, and so often.
_OPENS = 20.0
_AGAIN = 0.1


class Place(msgspec.Struct, frozen=True):
    """A site whose clock is the backend's own, as it crosses to a process."""

    name: str
    folder: str
    namespace: str
    url: str | None
    server_folder: str | None

    @classmethod
    def of(cls, site: Site) -> Place:
        server_folder = None if site.server_folder is None else str(site.server_folder)
        return cls(site.name, str(site.folder), site.namespace, site.url, server_folder)

    def site(self) -> Site:
        """The site again."""
        return Site(
            name=self.name,
            folder=Path(self.folder),
            namespace=self.namespace,
            clock=None,
            url=self.url,
            server_folder=None if self.server_folder is None else Path(self.server_folder),
        )


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What a part is to do; crosses to its process as JSON."""

    #: Unique in a history; a part that takes another's place has a name of its own.
    name: str
    #: A key of `roles.ROLES`.
    role: str
    #: Where the history's files are.
    history: str
    place: Place
    seed: int = 0
    #: What the role needs beside that.
    facts: Mapping[str, Any] = {}


class Killed(BaseException):
    """Raised inside a thread that is killed; a process just ends."""


class Hand(Protocol):
    """How a part hears of its end; any thread may ask."""

    @property
    def is_stopping(self) -> bool:
        """Whether it was told to finish."""

    def point(self) -> None:
        """A place where it may be killed or frozen, if it is a thread."""

    def die(self) -> NoReturn:
        """End at once, as by SIGKILL."""

    def on_stop(self, call: Callable[[], object]) -> None:
        """Call this when it is told to finish or killed, from another thread."""

    def wait(self, seconds: float) -> None:
        """Let time pass, or be told to finish."""

    def wait_for_go(self) -> None:
        """Wait until all parts are told to begin."""


class Part:
    """An order being carried out: opens what it needs, and records."""

    def __init__(self, order: Order, harness: Harness, hand: Hand) -> None:
        self.order = order
        self.name = order.name
        self.hand = hand
        self.harness = harness
        self.site = order.place.site()
        self._recorder = Recorder(Path(order.history, f"{order.name}.jsonl"))

    def backend(self) -> Backend:
        """An opened backend of its own; tried again for a while, since whom it waits for may be
        frozen.
        """
        backend = self.harness.backend(self.site)
        deadline = time.monotonic() + _OPENS
        while True:
            try:
                backend.open()
            except BackendUnavailable:
                if time.monotonic() > deadline:
                    raise
                self.hand.wait(_AGAIN)
            else:
                return backend

    def store(self) -> Store:
        """An opened store of its own."""
        store = self.harness.store(self.site)
        store.open()
        return store

    def record(self, *events: Event) -> None:
        self._recorder.write(*events)

    def die(self) -> NoReturn:
        """Be killed by its own job."""
        self.record(FaultStart(process=self.name, kind="kill", target=self.name))
        self.hand.die()

    def close(self) -> None:
        self._recorder.close()


class Signals:
    """The words that a part is told, and what they wake."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._go = threading.Event()
        self._calls: list[Callable[[], object]] = []

    @property
    def is_stopping(self) -> bool:
        return self._stop.is_set()

    def wait(self, seconds: float) -> None:
        self._stop.wait(seconds)

    def wait_for_go(self) -> None:
        self._go.wait()

    def on_stop(self, call: Callable[[], object]) -> None:
        self._calls.append(call)

    def tell(self, word: str) -> None:
        """Pass on a word, which is "go" or "stop"."""
        if word == "stop":
            self._stop.set()
            self.wake()
        self._go.set()

    def wake(self) -> None:
        for call in self._calls:
            # What it would wake may have ended by itself.
            with suppress(Misuse):
                call()
