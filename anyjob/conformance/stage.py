"""What every example stands on: a site of its own, time that passes, marks, and an orderly end."""

from __future__ import annotations

import itertools
import logging
import os
import shutil
import tempfile
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import pytest
from msgspec import structs

from anyjob.conformance.clock import FakeClock
from anyjob.conformance.harness import Harness, Site, offers
from anyjob.conformance.servers import Running
from anyjob.conformance.wall import WallClock
from anyjob.conformance.wire import Proxy, Turns
from anyjob.core.errors import ConfigurationError
from anyjob.core.state import State

#: How much later than declared something may be seen in real time, on a busy machine.
SLACK = 2.0
#: No backlog of an example takes longer to maintain away.
LONGEST_BACKLOG = 30.0
#: A thread that was to wait has begun to.
SETTLED_IN = 0.05
#: On a clock that cannot be moved, a second of the examples lasts this long, if that is enough.
SCALE = 1 / 30

T = TypeVar("T")

_numbers = itertools.count(1)


class Stage:
    """A site for one example, and what was opened there; use it in a `with` block."""

    #: The server that this stage stands on; None where there is none.
    server: Running | None = None
    #: How long a second of the example lasts, on a clock that cannot be moved.
    scale = SCALE
    #: How long two looks that find nothing take, in seconds.
    looks = 0.0

    def __init__(
        self, harness: Harness, clock: FakeClock | None, *, server: Running | None = None
    ) -> None:
        """`server` is one of the caller's, in place of the one that all share."""
        if not __debug__:
            raise ConfigurationError(
                "the suite asserts, and this Python drops assertions; run it without -O"
            )
        self.harness = harness
        #: None: the backend's own clock, which nobody moves.
        self.clock = clock
        #: How the example ended, beside passing: "ABSENT(verified)" …
        self.status = "PASS"
        #: Figures that tell how much was tried, such as the number of crash points.
        self.evidence: dict[str, int] = {}
        self._own_server = server
        self._wall: WallClock | None = None
        self._marks: set[str] = set()
        #: What was done here, a line each, for whoever reads a failure.
        self.history: deque[str] = deque(maxlen=100)
        self._exit = ExitStack()

    def __enter__(self) -> Self:
        name = f"s{os.getpid()}-{next(_numbers)}"
        folder = Path(tempfile.mkdtemp(prefix="anyjob-conformance-", dir=self.harness.root))
        self._exit.callback(shutil.rmtree, folder)
        self.site = Site(name=name, folder=folder, namespace=name, clock=self.clock)
        try:
            self._find_server()
        except BaseException:
            self._exit.close()
            raise
        return self

    def _find_server(self) -> None:
        if self.harness.server is not None:
            self.server = self._own_server or self.harness.server.shared(
                self._is_ready, self.harness.root
            )
            self.site = self._at(self.server.url, self.server)
            self._exit.callback(self._tidy)
        if self.clock is not None and offers(self.harness, "advance"):
            self.site = structs.replace(self.site, clock=None)
            self.clock.remote = partial(self.harness.advance, self.site)

    def _at(self, url: str, server: Running) -> Site:
        return structs.replace(self.site, url=url, server_folder=server.folder)

    def _tidy(self) -> None:
        if self.server is not None and self.server.is_alive:
            self.harness.tidy(self.site)

    def _is_ready(self, server: Running) -> bool:
        """Whether something passes through the server; raises what stands in the way."""
        with type(self)(self.harness, None, server=server) as probe:
            probe.round_trip()
        return True

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._exit.close()
        server = self.server
        if error is not None and server is not None and not (server.is_alive or server.was_killed):
            raise AssertionError(
                f"UNKNOWN: {server!r} ended by itself{server.last_words()}"
            ) from error

    def round_trip(self) -> None:
        """Pass something through what was opened; fails if it does not come back."""
        raise NotImplementedError

    def client(self, proxy: Proxy | None = None) -> Any:
        """Open another of what the harness makes, perhaps through a wire."""
        raise NotImplementedError

    @property
    def used(self) -> Any:
        """What every step goes through now."""
        raise NotImplementedError

    def use(self, client: Any) -> None:
        """Let every step from now on go through this client."""
        raise NotImplementedError

    def own(self, clock: FakeClock | None) -> Self:
        """Another stage, on a server of its own, which may be killed and frozen."""
        assert self.harness.server is not None
        server = self.harness.server.start(self._is_ready, self.harness.root)
        self.at_end(server.stop)
        stage = type(self)(self.harness, clock, server=server)
        self._exit.enter_context(stage)
        return stage

    def proxy(self) -> Proxy:
        """A wire in front of the server, to be cut; see `through`."""
        return self._exit.enter_context(self.wire())

    def wire(self, name: str = "client", turns: Turns | None = None) -> Proxy:
        """The same, to be entered by the caller; the requests of several take turns."""
        assert self.server is not None
        aside = self.harness.is_aside
        return Proxy(self.server.port, name=name, turns=turns, is_aside=aside)

    def through(self, proxy: Proxy) -> Site:
        """The site as it is for a client at the far end of a wire."""
        assert self.server is not None
        return self._at(self.server.url_at(proxy.port), self.server)

    def sever(self) -> None:
        """Cut every connection to the site, where leases hang on them."""
        if not offers(self.harness, "sever"):
            pytest.skip("UNTESTED: leases end with their connection, and the harness has no sever")
        self.remember("every connection is cut")
        self.harness.sever(self.site)

    def at_end(self, step: Callable[[], object]) -> None:
        """Call `step` when the example is over; the last one given goes first."""
        self._exit.callback(step)

    def seconds(self, span: float) -> float:
        """A span of the example's story in seconds: as it is, or scaled where nobody moves the
        clock.
        """
        return span if self.clock is not None else span * self.scale

    def nearly(self, span: float) -> float:
        """So much of a span that it is surely not over, two looks at what is there included: nine
        tenths, or half in real time, where the example itself may be late.
        """
        return span * (0.9 if self.clock is not None else 0.5) - self.looks

    def elapse(self, seconds: float) -> None:
        """Let so much time pass on the backend's clock."""
        self.remember(f"{seconds:g} s pass")
        if self.clock is not None:
            self.clock.advance(seconds)
        else:
            time.sleep(seconds)

    def jump(self, seconds: float) -> None:
        """Set the wall clock forward or back, as an operator or NTP does: the suite's, or where
        nobody moves the backend's own, that of this client.
        """
        self.remember(f"the wall clock jumps by {seconds:g} s")
        if self.clock is not None:
            self.clock.jump(seconds)
            return
        if self._wall is None:
            self._wall = WallClock()
            self.at_end(self._wall.restore)
        self._wall.jump(seconds)

    def moment(self) -> float:
        """Seconds by which the backend's clock has gone on: those that were let pass, and those of
        a server's clock that runs on by itself besides.
        """
        if self.clock is None:
            return time.monotonic()
        by_itself = 0.0 if self.clock.remote is None else time.monotonic()
        return self.clock.monotonic() + by_itself

    def hear_logs(self) -> list[str]:
        """A list that gathers every line logged until the end, whatever its level."""
        lines: list[str] = []
        root, handler = logging.getLogger(), _Ear(lines)
        self.at_end(partial(root.setLevel, root.level))
        self.at_end(partial(root.removeHandler, handler))
        root.addHandler(handler)
        root.setLevel(logging.DEBUG)
        return lines

    def mark(self, name: str) -> None:
        """Note that a situation was reached, from any thread."""
        self._marks.add(name)

    @property
    def marks(self) -> frozenset[str]:
        """The situations that were reached."""
        return frozenset(self._marks)

    def remember(self, line: str) -> None:
        """Add a line to the history, from any thread."""
        self.history.append(line)

    def check_marks(self, wanted: tuple[str, ...]) -> None:
        """Fail unless every situation was reached."""
        missed = [mark for mark in wanted if mark not in self._marks]
        assert not missed, f"VACUOUS: never reached {', '.join(missed)}"

    def lacks(self, capability: str) -> bool:
        """Whether it is declared absent."""
        raise NotImplementedError

    def need_recovery(self) -> None:
        """Leave the example out where what a client held when it died is declared to be gone."""

    def lists_not(self, state: State) -> bool:
        """Whether jobs of this state are declared not to be listed."""
        raise NotImplementedError

    def verify_unlisted(self, state: State) -> None:
        """Ask for a list that is declared not to be had; it must be refused and have no effect."""
        raise NotImplementedError

    def verify_absent(self, capability: str) -> None:
        """Call what is declared absent; it must be refused and have no effect."""
        raise NotImplementedError


class _Ear(logging.Handler):
    def __init__(self, lines: list[str]) -> None:
        super().__init__()
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(f"{record.getMessage()} {record.__dict__}")


def only(items: Sequence[T]) -> T:
    """The one item there is; fails if there are none or several."""
    assert len(items) == 1, f"expected one, got {len(items)}: {items!r:.200}"
    return items[0]


def assert_same(found: Sequence[object], wanted: Sequence[object]) -> None:
    """Fail at the first difference of two long lists. Compared by pytest, thousands of items that
    all differ take minutes to be shown.
    """
    assert len(found) == len(wanted), f"expected {len(wanted)} items, got {len(found)}"
    pairs = enumerate(zip(found, wanted, strict=True))
    wrong = next((index for index, (one, other) in pairs if one != other), None)
    assert wrong is None, f"item {wrong} is {found[wrong]!r:.200}, not {wanted[wrong]!r:.200}"


def maintain_all(maintain: Callable[[float], float]) -> None:
    """Call until nothing more is wanted at once; fails if that takes longer than any backlog."""
    deadline = time.monotonic() + LONGEST_BACKLOG
    while maintain(1.0) <= 0:
        late = time.monotonic() >= deadline
        assert not late, "maintain() wants to be called again at once, for ever"


def eventually(look: Callable[[], bool], within: float) -> bool:
    """Look again and again until it is so, or so many seconds of real time have passed."""
    deadline = time.monotonic() + within
    while not look():
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.005)
    return True
