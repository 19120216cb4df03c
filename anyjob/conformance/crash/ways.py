"""How a client is made to die at a request of its own: the wire is cut, its process is killed, or
it is abandoned between two calls. Each tells how many requests there were.
"""

from __future__ import annotations

import os
import signal
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, Literal, Protocol, TypeVar, cast

import msgspec

from anyjob.conformance.crash.files import Fingerprints
from anyjob.conformance.crash.points import Point, Watch
from anyjob.conformance.stage import Stage
from anyjob.conformance.wire import Cut
from anyjob.core.errors import (
    AnyjobError,
    BackendCorrupt,
    BackendError,
    BackendFull,
    BackendUnavailable,
)

#: What the client was told in the end: it is done, it was refused without effect, or nobody knows.
Told = Literal["done", "refused", "unknown"]
#: Seconds in which a child has died or ended.
_LONG = 60

S = TypeVar("S", bound=Stage)
S_contra = TypeVar("S_contra", bound=Stage, contravariant=True)


class Ran(msgspec.Struct):
    """What a run came to."""

    told: Told = "unknown"
    #: What each request was, from the first.
    requests: list[str] = []
    #: How many bytes each request had, where there is a wire.
    sizes: list[int] = []
    #: What the files held before and after each request, where that could be told.
    files: list[tuple[str, str]] = []


class Act(Protocol[S_contra]):
    """The client's side of a scenario: sets out, calls `begin`, and makes the calls that count.

    Returns False when an answer said that nobody knows.
    """

    def __call__(self, stage: S_contra, begin: Callable[[], None], /) -> bool | None: ...


class Way(Protocol):
    """One way of dying."""

    #: What its points are, for a report.
    name: str

    def run(self, stage: Any, act: Act[Any], death: Point | None) -> Ran: ...


class Abandoned(BaseException):
    """Ends a run where its client is taken to have died; no error, so that nothing handles it."""


class ByWire:
    """The wire is cut, and the client never comes back."""

    name = "cuts"

    def run(self, stage: S, act: Act[S], death: Point | None) -> Ran:
        with stage.wire() as proxy:
            client = stage.client(proxy)
            stage.use(client)
            first: list[int] = []

            def begin() -> None:
                if death is not None and death.k == 0:
                    raise Abandoned
                first.append(len(proxy.requests))
                if death is not None:
                    proxy.cut = Cut(first[0] + death.k, death.side, let=death.let)

            ran = Ran(told=_told(lambda: act(stage, begin)))
            # It is dead: whatever it still wants to say in the end reaches nobody.
            proxy.go_down()
            client.close()
            made = proxy.requests[first[0] :] if first else []
            ran.requests = ["request" for _ in made]
            ran.sizes = [len(each) for each in made]
            return ran


class ByDeath:
    """A forked child kills itself."""

    name = "deaths"

    def run(self, stage: S, act: Act[S], death: Point | None) -> Ran:
        child, reading = _fork(stage, act, death, signal.SIGKILL)
        lines = _all_of(reading).decode("utf-8", "replace").splitlines()
        _, status = os.waitpid(child, 0)
        if os.WTERMSIG(status) == signal.SIGALRM:
            raise AssertionError(f"UNKNOWN: a client hung for {_LONG} s")
        return _ran(lines)


@contextmanager
def frozen(stage: S, act: Act[S], point: Point) -> Iterator[None]:
    """A client in a process of its own that stands still at `point` as long as the block lasts,
    with whatever it holds, and is killed then.
    """
    child, reading = _fork(stage, act, point, signal.SIGSTOP)
    try:
        _, status = os.waitpid(child, os.WUNTRACED)
        assert os.WIFSTOPPED(status), f"VACUOUS: the client was not there any more at {point}"
        yield
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(reading)


def _fork(stage: S, act: Act[S], death: Point | None, end: signal.Signals) -> tuple[int, int]:
    """Start a client in a child; returns its number and where it tells how it goes."""
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        # Python 3.12 warns of a fork beside threads. This child opens everything afresh, and what
        # it waits for is bounded.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if not child:
        os.close(reading)
        _live_and_die(stage, act, death, end, writing)
    os.close(writing)
    return child, reading


def _live_and_die(
    stage: S, act: Act[S], death: Point | None, end: signal.Signals, writing: int
) -> None:
    def say(word: str, text: str) -> None:
        os.write(writing, f"{word} {text}\n".encode())

    try:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(_LONG)
        watch = _watch(stage, death, end, say)
        watch.install()
        stage.use(stage.client())
        told = _told(lambda: act(stage, watch.begin))
        watch.end()
        say("told", told)
    except BaseException:  # to be raised again by the parent
        for line in traceback.format_exc().splitlines():
            say("error", line)
    finally:
        # Past every handler and every exit hook of the parent's.
        os.kill(os.getpid(), signal.SIGKILL)


def _watch(
    stage: Stage, death: Point | None, end: signal.Signals, say: Callable[[str, str], None]
) -> Watch:
    """In a run that nobody cuts short, one that looks at the files as well."""
    files, asides = Fingerprints(stage.site.folder), stage.harness.asides
    if death is not None or not files.is_sound:
        return Watch(death, lambda kind: say("request", kind), end=end, asides=asides)

    def before(kind: str) -> None:
        say("before", str(files.take()))
        say("request", kind)

    return Watch(death, before, lambda: say("after", str(files.take())), asides=asides)


def _all_of(pipe: int) -> bytes:
    told = b""
    while some := os.read(pipe, 64 * 1024):
        told += some
    os.close(pipe)
    return told


_SAID = ("request", "before", "after")


def _ran(lines: list[str]) -> Ran:
    words = [line.partition(" ")[::2] for line in lines]
    errors = [text for word, text in words if word == "error"]
    assert not errors, "\n".join(errors)
    said = {name: [text for word, text in words if word == name] for name in _SAID}
    ran = Ran(
        requests=said["request"],
        files=list(zip(said["before"], said["after"], strict=False)),
    )
    for word, text in words:
        if word == "told":
            ran.told = cast("Told", text)
    return ran


class ByCall:
    """The client is abandoned before or after a call: what lives in one process and is kept nowhere
    else dies with it, so nothing can die inside a call alone.
    """

    name = "calls"

    def run(self, stage: S, act: Act[S], death: Point | None) -> Ran:
        client = stage.client()
        gate = _Gate(death)
        stage.use(_Counted(client, gate))
        told = _told(lambda: act(stage, gate.begin))
        client.close()
        return Ran(told=told, requests=gate.calls)


class _Gate:
    def __init__(self, death: Point | None) -> None:
        self._death = death
        self._on = False
        self.calls: list[str] = []

    def begin(self) -> None:
        self._on = True
        self._look(0, "before")

    def call(self, name: str, made: Callable[[], Any]) -> Any:
        if not self._on:
            return made()
        self.calls.append(f"call {name}")
        self._look(len(self.calls), "before")
        result = made()
        self._look(len(self.calls), "after")
        return result

    def _look(self, k: int, side: str) -> None:
        if self._death is not None and (self._death.k, self._death.side) == (k, side):
            raise Abandoned


C = TypeVar("C")


class _Counted(Generic[C]):
    """Hands every call on, through the gate; a consumer is counted like its backend."""

    def __init__(self, inner: C, gate: _Gate) -> None:
        self._inner = inner
        self._gate = gate

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if not callable(found):
            return found

        def call(*arguments: Any, **named: Any) -> Any:
            made = self._gate.call(name, lambda: found(*arguments, **named))
            return _Counted(made, self._gate) if name == "consume" else made

        return call


def _told(run: Callable[[], bool | None]) -> Told:
    """What the client knows in the end; raises what no crash may raise."""
    try:
        return "unknown" if run() is False else "done"
    except (BackendUnavailable, BackendFull, BackendCorrupt):
        return "refused"
    except BackendError as error:
        assert error.retryable, f"expected an uncertain {error!r} to be retryable"  # noqa: PT017
        return "unknown"
    except Abandoned:
        return "unknown"
    except AnyjobError as error:
        raise AssertionError(f"a call that was cut off raised {error!r}") from error


def way_of(stage: Stage) -> Way:
    """How clients die where the jobs are: at the wire if the suite has the server, alone if others
    can come after them, else between two calls.
    """
    if stage.server is not None:
        return ByWire()
    declared = stage.used.capabilities
    lonely = (declared.reach, declared.durability) == ("process", "none")
    return ByCall() if lonely else ByDeath()
