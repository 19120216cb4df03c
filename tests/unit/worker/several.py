"""An app with two backends in memory, each behind a line that a test cuts."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from anyjob import App
from anyjob.core.clock import Clock
from anyjob.core.envelope import Envelope, Receipt
from tests.unit.worker.flaky import FlakyBackend, Line


class Lined(FlakyBackend):
    """What `lined://` names: memory, behind the line of that URL."""

    lines: ClassVar[dict[str, Line]] = {}

    def __init__(self, url: str, *, namespace: str = "anyjob", clock: Clock | None = None) -> None:
        super().__init__(url.replace("lined://", "memory://"), self.lines[url])

    def open(self) -> None:
        self._line.through("open")
        super().open()

    def enqueue(self, jobs: Sequence[Envelope], *, transaction: Any = None) -> list[Receipt]:
        self._line.through("enqueue")
        return super().enqueue(jobs, transaction=transaction)

    def start_enqueue(self, jobs: Sequence[Envelope]) -> Callable[[], list[Receipt]]:
        self._line.through("enqueue")
        return super().start_enqueue(jobs)


#: Everything of a worker's and of a program's.
EVERYTHING = frozenset({"open", "enqueue", "fetch", "flush", "extend", "maintain", "close"})


class Two:
    """The app, whose queue "left" is on backend "one" and "right" on "two"."""

    def __init__(self, **settings: Any) -> None:
        self.one, self.two = Line(), Line()
        urls = [f"lined://{uuid.uuid4().hex}" for _ in range(2)]
        Lined.lines |= dict(zip(urls, (self.one, self.two), strict=True))
        self.app = App(
            backends={"one": urls[0], "two": urls[1]},
            queues={"left": {"backend": "one"}, "right": {"backend": "two"}},
            **settings,
        )

    def close(self) -> None:
        for line in (self.one, self.two):
            line.cut = set()
            line.delays = {}
        self.app.close()
