"""A real app in memory, and workers that run in threads of the test's own process."""

from collections.abc import Iterator

import pytest

from anyjob import App, Event
from tests.unit.checked import CheckedMemory, watching
from tests.unit.worker.clocks import ShiftedClock

#: What a test that has to wait for a job waits at most.
PATIENCE = 30.0


@pytest.fixture(autouse=True)
def _watched(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every backend in memory reports what a worker may not do."""
    with watching(monkeypatch):
        yield


@pytest.fixture
def unwatched() -> Iterator[None]:
    """For a test that itself does what no worker may."""
    yield
    CheckedMemory.made.clear()


@pytest.fixture
def jobs() -> Iterator[App]:
    app = App("memory://")
    yield app
    app.close()


@pytest.fixture
def clock() -> ShiftedClock:
    return ShiftedClock()


@pytest.fixture
def timed(clock: ShiftedClock) -> Iterator[App]:
    """An app whose backend and workers go by `clock`."""
    app = App("memory://", clock=clock)
    yield app
    app.close()


class Heard(list[Event]):
    """The events of an app, in order."""

    def named(self, name: str) -> list[Event]:
        return [event for event in list(self) if event.name == name]

    @property
    def names(self) -> list[str]:
        return [event.name for event in list(self)]


@pytest.fixture
def heard(jobs: App) -> Heard:
    """Every event of `jobs`."""
    events = Heard()
    jobs.on("*", events.append)
    return events
