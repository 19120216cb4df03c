"""Harnesses of every sort, sound and nasty, as authors outside this repository would write them."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import msgspec

from anyjob.backends.memory import MemoryBackend, MemoryStore
from anyjob.conformance import Harness, OwnProcess, Site
from anyjob.core.backend import Counts
from anyjob.core.capabilities import Capabilities


class Sound(Harness):
    kind: type[MemoryBackend] = MemoryBackend

    def backend(self, site: Site) -> MemoryBackend:
        return self.kind(f"memory://{site.name}", namespace=site.namespace, clock=site.clock)


class SoundStore(Harness):
    def store(self, site: Site) -> MemoryStore:
        return MemoryStore(f"memory://{site.name}", namespace=site.namespace, clock=site.clock)


class Both(Sound, SoundStore):
    pass


class WithoutServer(Both):
    server = OwnProcess(["no-such-server-program"])


class Noting(Sound):
    """Leaves a file named after each session of processes that makes a backend."""

    def backend(self, site: Site) -> MemoryBackend:
        Path(f"session-{os.getsid(0)}").touch()
        return super().backend(site)


def broken(purge: Any) -> type[Sound]:
    """A harness whose backend does something else when jobs are purged."""
    return type("Broken", (Sound,), {"kind": type("Broken", (MemoryBackend,), {"purge": purge})})


def after(step: Any) -> Any:
    """Do as a sound backend, after a step of its own."""

    def purge(self: MemoryBackend, *arguments: Any) -> int:
        step()
        return MemoryBackend.purge(self, *arguments)

    return purge


def hang_for_ever(*_: Any) -> None:
    threading.Event().wait()


def hang_and_swallow(*_: Any) -> None:
    while True:
        try:
            time.sleep(3600)
        except BaseException:  # as a driver does that retries whatever happens
            continue


def hang_and_swallow_once(self: MemoryBackend, *arguments: Any) -> int:
    with contextlib.suppress(BaseException):
        time.sleep(3600)
    return MemoryBackend.purge(self, *arguments)


def leave_a_thread() -> None:
    threading.Thread(target=hang_for_ever, name="left-behind", daemon=True).start()


_opened: list[object] = []


def open_a_file() -> None:
    _opened.append(open(os.devnull))  # noqa: PTH123, SIM115 - it is to stay open


def fork() -> None:
    if not os.fork():
        os._exit(0)


def fork_and_leave_a_trace() -> None:
    if not os.fork():
        Path("child").touch()
        os._exit(0)


def raise_of_a_driver(*_: Any) -> None:
    raise ConnectionError("lost connection to coral")


def interrupt(*_: Any) -> None:
    raise KeyboardInterrupt


Hanging = broken(hang_for_ever)
HangingAndGoingOn = broken(hang_and_swallow_once)
Stuck = broken(hang_and_swallow)
OfADriver = broken(raise_of_a_driver)
Printing = broken(after(lambda: sys.stdout.write("purging")))
PrintingByAnother = broken(after(lambda: subprocess.run(["echo", "purging"], check=True)))
Forking = broken(after(fork))
ForkingOn = broken(after(os.fork))
Tracing = broken(after(fork_and_leave_a_trace))
LeavingThreads = broken(after(leave_a_thread))
LeavingFiles = broken(after(open_a_file))
Leaving = broken(lambda *_: sys.exit(0))
LeavingAtOnce = broken(lambda *_: os._exit(0))
Interrupting = broken(interrupt)
AnsweringNone = broken(lambda *_: None)


class ChangingBackend(MemoryBackend):
    changed = False

    def purge(self, *arguments: Any) -> int:
        self.changed = True
        return super().purge(*arguments)

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name == "capabilities" and self.changed and isinstance(found, Capabilities):
            return msgspec.structs.replace(found, max_batch=7)
        return found


class Changing(Sound):
    kind = ChangingBackend


class MiscountingBackend(MemoryBackend):
    def counts(self, queue: str) -> Counts:
        counts = super().counts(queue)
        return Counts(counts.ready + 1, counts.scheduled, counts.leased, counts.dead)


class Miscounting(Sound):
    kind = MiscountingBackend


class ClosedBackend(MemoryBackend):
    def open(self) -> None:
        raise ConnectionError("nobody listens")


class CannotOpen(Sound):
    kind = ClosedBackend


class Opened(Sound):
    def backend(self, site: Site) -> MemoryBackend:
        made = super().backend(site)
        made.open()
        return made


class Shared(Sound):
    made: MemoryBackend | None = None

    def backend(self, site: Site) -> MemoryBackend:
        self.made = self.made or super().backend(site)
        return self.made


class Flagged(Sound):
    supports_delay = False


class Emulator(Sound):
    class EmulatorBackend(MemoryBackend):
        def __getattribute__(self, name: str) -> Any:
            found = super().__getattribute__(name)
            if name == "capabilities" and isinstance(found, Capabilities):
                return msgspec.structs.replace(found, emulator=True)
            return found

    kind = EmulatorBackend


def slowly(*_: Any) -> int:
    Path("purging").touch()
    time.sleep(3600)
    return 0


class Slow(Sound):
    kind = type("SlowBackend", (MemoryBackend,), {"purge": slowly})
