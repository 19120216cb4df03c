"""A server program as a process of the suite's own."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from anyjob.conformance.servers import facts
from anyjob.conformance.servers.registry import Entry, Registry, registry
from anyjob.core.errors import ConfigurationError

HOST = "127.0.0.1"
#: Times that a port may turn out to be taken by somebody who was faster.
_TRIES = 3
#: Seconds in which a process that was killed is gone.
_GONE = 10.0

#: One enqueue-and-fetch, or the like; raises, or returns False, while the server is not ready.
Ready = Callable[["Running"], bool]


class OwnProcess:
    """How to start a server: its command, in which `{port}`, `{dir}` and `{host}` are filled in.

    `url` is what a harness finds in `site.url`; `patience` the seconds that it may take to be
    ready; `calm` those that pass before a test kills it, for a product that is known to come back
    broken when it is killed right after it was told to make something. Touches nothing.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        url: str = "tcp://{host}:{port}",
        patience: float = 30.0,
        calm: float = 0.0,
        registry: Registry = registry,
    ) -> None:
        if isinstance(command, str) or not command:
            raise ConfigurationError(
                f"expected the command of a server as a list of words, got {command!r}"
            )
        self.command = tuple(command)
        self.url = url
        self.patience = patience
        self.calm = calm
        self.registry = registry
        self._shared: dict[int, Running] = {}

    def start(self, ready: Ready, root: Path | None = None) -> Running:
        """Start one on a free port and a folder of its own below `root`, and wait until it is
        ready.

        Without its program everything that wants it is untested, and with CI=true broken. Raises
        AssertionError ("UNKNOWN: ...") if it does not get ready.
        """
        self._look_for_program()
        for tries in range(_TRIES):
            running = Running(self, ready, root)
            try:
                running.run()
            except _Ended:
                running.stop()
                if tries + 1 == _TRIES:
                    raise
            except BaseException:
                running.stop()
                raise
            else:
                return running
        raise AssertionError("unreachable")

    def shared(self, ready: Ready, root: Path | None = None) -> Running:
        """The one that all tests of this process share, which none of them may kill."""
        running = self._shared.get(os.getpid())
        if running is None or not running.is_alive:
            if running is not None:
                running.stop()
            running = self._shared[os.getpid()] = self.start(ready, root)
        return running

    def _look_for_program(self) -> None:
        program = self.command[0]
        if shutil.which(program) is not None:
            return
        message = f"the server program {program!r} is not installed, or not on the PATH"
        if os.environ.get("CI") == "true":
            pytest.fail(f"{message}; CI=true wants every server", pytrace=False)
        pytest.skip(f"UNTESTED: {message}")


class _Ended(AssertionError):
    """The program ended by itself before it was ready."""


class Running:
    """A server that runs, is frozen, or was killed and may be started again."""

    def __init__(self, recipe: OwnProcess, ready: Ready, root: Path | None) -> None:
        self.recipe = recipe
        self._ready = ready
        self._base = Path(tempfile.mkdtemp(prefix="anyjob-server-", dir=root))
        #: What it was told to keep its data in.
        self.folder = self._base / "data"
        self.folder.mkdir()
        self.port = _free_port()
        self._token = secrets.token_hex(16)
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = os.getpid()
        #: Whether it was the suite that ended it.
        self.was_killed = False

    def __repr__(self) -> str:
        return f"<{self.recipe.command[0]} on port {self.port}>"

    @property
    def url(self) -> str:
        return self.url_at(self.port)

    def url_at(self, port: int) -> str:
        """Its URL as if it listened there, as a proxy in front of it does."""
        return _filled(self.recipe.url, host=HOST, port=port, dir=self.folder)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def run(self) -> None:
        """Start the program and wait until it is ready."""
        assert not self.is_alive, f"{self!r} runs already"
        words = {"host": HOST, "port": self.port, "dir": self.folder}
        with (self._base / "log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - what the author's harness names
                [_filled(word, **words) for word in self.recipe.command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, facts.TOKEN: self._token},
                start_new_session=True,
            )
        began = facts.started(self.pid) or ""
        self.recipe.registry.add(Entry(self.pid, began, self._token, str(self._base)))
        self.was_killed = False
        self._wait()

    def kill(self) -> None:
        """End it as a power cut ends a program: SIGKILL to its whole group."""
        if self.is_alive:
            time.sleep(self.recipe.calm)
        self._end()

    def _end(self) -> None:
        self.was_killed = True
        self._signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait(_GONE)

    def restart(self) -> None:
        """Kill it if it runs, and start it again with the same port and data."""
        self.kill()
        self.run()

    def freeze(self) -> None:
        """Stop it where it stands; it keeps its sockets and answers nobody."""
        assert self._process is not None
        self._signal(signal.SIGSTOP)
        _, status = os.waitpid(self.pid, os.WUNTRACED)
        if not os.WIFSTOPPED(status):
            self._process.returncode = os.waitstatus_to_exitcode(status)
            raise AssertionError(f"UNKNOWN: {self!r} ended by itself{self.last_words()}")

    def thaw(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def stop(self) -> None:
        """End it and whatever it started, and remove its folder; idempotent."""
        if self._owner != os.getpid():
            return  # a forked child's copy of somebody else's server
        self._end()
        for pid in facts.carriers(self._token):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        shutil.rmtree(self._base, ignore_errors=True)
        self.recipe.registry.remove(self._token)

    def last_words(self) -> str:
        """The end of what it printed, to be shown in a message."""
        with contextlib.suppress(OSError):
            lines = (self._base / "log").read_text("utf-8", "replace").splitlines()[-10:]
            return ":\n" + "\n".join(lines) if lines else ", and said nothing"
        return ""

    def _signal(self, number: signal.Signals) -> None:
        if self.is_alive:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, number)

    def _wait(self) -> None:
        deadline = time.monotonic() + self.recipe.patience
        refusal: Exception | None = None
        while time.monotonic() < deadline:
            if not self.is_alive:
                raise _Ended(f"UNKNOWN: {self!r} ended before it was ready{self.last_words()}")
            if _listens(self.port):
                try:
                    if self._ready(self):
                        return
                except Exception as error:  # whatever a backend says of a server that only begins
                    refusal = error
            time.sleep(0.01)
        raise AssertionError(
            f"UNKNOWN: {self!r} was not ready after {self.recipe.patience:g} s{self.last_words()}"
        ) from refusal


def _listens(port: int) -> bool:
    """Whether it is worth while to ask; ready it is when it answers."""
    with contextlib.suppress(OSError), socket.create_connection((HOST, port), 1.0):
        return True
    return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _filled(word: str, **values: Any) -> str:
    for name, value in values.items():
        word = word.replace("{" + name + "}", str(value))
    return word
