"""Thin backends by URL: `thin://NAME` alone, `pair://NAME` paired with a store and watched."""

from __future__ import annotations

from typing import ClassVar

from anyjob.backends.memory import MemoryBackend, MemoryStore
from anyjob.backends.paired import PairedBackend
from anyjob.conformance import Checked
from anyjob.core.clock import Clock
from tests.conformance.paired.thin import ThinBackend


class Thin(ThinBackend):
    def __init__(self, url: str, *, namespace: str = "anyjob", clock: Clock | None = None) -> None:
        name = url.partition("://")[2]
        super().__init__(MemoryBackend(f"memory://{name}", namespace=namespace, clock=clock))


class CheckedPair(Checked):
    made: ClassVar[list[Checked]] = []

    def __init__(self, url: str, *, namespace: str = "anyjob", clock: Clock | None = None) -> None:
        name = url.partition("://")[2]
        store = MemoryStore(f"memory://{name}-store", namespace=namespace, clock=clock)
        super().__init__(PairedBackend(Thin(url, namespace=namespace), store), clock=clock)
        self.made.append(self)
