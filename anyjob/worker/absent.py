"""Backends that do not answer when a worker starts: it works without them until they do."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

from anyjob.core.errors import AnyjobError, BackendError
from anyjob.core.note import short
from anyjob.worker.post import Ground, Voice


class Absent:
    """A thread for each backend that is waited for, which ends once it is there."""

    def __init__(
        self,
        connects: Mapping[str, Callable[[], Ground]],
        voice_of: Callable[[str], Voice],
        arrived: Callable[[Ground], None],
        fail: Callable[[str], None],
    ) -> None:
        """Each of `connects` raises BackendError until its backend is there, which `arrived` is
        told; `fail` is told what keeps one from ever being worked on.
        """
        self._connects = connects
        self._voice_of = voice_of
        self._arrived = arrived
        self._fail = fail
        self._stopping = threading.Event()

    def __len__(self) -> int:
        return len(self._connects)

    def start(self) -> None:
        """Begin to wait for each."""
        for name in self._connects:
            threading.Thread(
                target=self._wait_for, args=(name,), name=f"anyjob-open-{name}", daemon=True
            ).start()

    def stop(self) -> None:
        """Wait for none any more."""
        self._stopping.set()

    def _wait_for(self, name: str) -> None:
        outage = self._voice_of(name).outage
        while not self._stopping.is_set():
            try:
                ground = self._connects[name]()
            except BackendError as error:
                self._stopping.wait(outage.failed("open", error))
                continue
            except AnyjobError as error:
                self._fail(f"backend {name!r} cannot be worked on; draining: {short(error)}")
                return
            self._arrived(ground)
            outage.ended("open")
            return
