from collections.abc import Iterator

import pytest

from anyjob.backends.memory import MemoryBackend, MemoryStore
from anyjob.conformance.clock import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def backend(clock: FakeClock) -> Iterator[MemoryBackend]:
    backend = MemoryBackend("memory://", clock=clock)
    backend.open()
    yield backend
    backend.close()


@pytest.fixture
def store(clock: FakeClock) -> Iterator[MemoryStore]:
    store = MemoryStore("memory://", clock=clock)
    store.open()
    yield store
    store.close()
