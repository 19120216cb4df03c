"""A real app in memory."""

from collections.abc import Iterator

import pytest

from anyjob import App


@pytest.fixture
def jobs() -> Iterator[App]:
    app = App("memory://")
    yield app
    app.close()
