"""The memory backend under `Checked`, by its usual URL: every worker test watches the worker."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

import pytest

from anyjob.backends.memory import MemoryBackend
from anyjob.backends.registry import BACKENDS
from anyjob.conformance import Checked
from anyjob.core.clock import Clock


class CheckedMemory(Checked):
    """What `memory://` is while `watching`."""

    made: ClassVar[list[Checked]] = []

    def __init__(self, url: str, *, namespace: str = "anyjob", clock: Clock | None = None) -> None:
        super().__init__(MemoryBackend(url, namespace=namespace, clock=clock), clock=clock)
        self.made.append(self)


@contextmanager
def watching(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Check every memory backend of a test, once the test is over."""
    monkeypatch.setitem(BACKENDS, "memory", f"{__name__}:CheckedMemory")
    CheckedMemory.made.clear()
    yield
    for backend in CheckedMemory.made:
        backend.check()
