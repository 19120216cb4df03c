"""A server whose clock can be moved, and not replaced."""

from __future__ import annotations

import pytest

from anyjob.backends.memory import MemoryBackend
from anyjob.conformance import FakeClock, Harness, Site, run_property
from anyjob.conformance.probe import obeys_clock
from anyjob.conformance.scene import Scene
from anyjob.core.clock import SystemClock


class ServerClock:
    """A clock that goes by itself, and can be put forward."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def time(self) -> float:
        return SystemClock.time() + self.ahead

    def monotonic(self) -> float:
        return SystemClock.monotonic() + self.ahead


#: By site; no site's own clock is ever looked at.
CLOCKS: dict[str, ServerClock] = {}


class MovableHarness(Harness):
    def backend(self, site: Site) -> MemoryBackend:
        clock = CLOCKS.setdefault(site.name, ServerClock())
        return MemoryBackend(f"memory://{site.name}", namespace=site.namespace, clock=clock)

    def advance(self, site: Site, seconds: float) -> None:
        CLOCKS[site.name].ahead += seconds


class StuckHarness(MovableHarness):
    def advance(self, site: Site, seconds: float) -> None:
        """Promise it, and do not."""


def test_clock_that_is_moved_by_its_hook_counts_as_the_suites() -> None:
    assert obeys_clock(MovableHarness())
    for property_id in ("LSE-8", "TIM-1", "DLQ-6"):
        run_property(property_id, MovableHarness())


def test_hook_that_moves_nothing_is_found_out() -> None:
    assert not obeys_clock(StuckHarness())


def test_site_has_no_clock_that_a_backend_might_obey_beside_it() -> None:
    with Scene(MovableHarness(), FakeClock()) as scene:
        assert scene.site.clock is None
        assert scene.clock is not None
        before = scene.now()
        scene.elapse(100.0)
        assert scene.now() == pytest.approx(before + 100.0, abs=50.0)


def test_clock_that_can_only_be_moved_forward_is_not_set() -> None:
    clock = FakeClock()
    unset = pytest.raises(pytest.skip.Exception, match="UNTESTED: the server's clock")
    with Scene(MovableHarness(), clock), unset:
        clock.jump(-3600.0)
