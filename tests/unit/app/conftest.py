"""A real app in memory."""

from collections.abc import Iterator

import pytest

from anyjob import App
from tests.unit.checked import watching


@pytest.fixture(autouse=True)
def _watched(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every backend in memory reports what a worker may not do."""
    with watching(monkeypatch):
        yield


@pytest.fixture
def jobs() -> Iterator[App]:
    app = App("memory://")
    yield app
    app.close()
