"""Whoever holds what is stored is killed, stands still, or loses it all: the server, and where
there is none, a process that has it open.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import pytest

from anyjob.conformance.clock import FakeClock
from anyjob.conformance.crash.points import Point
from anyjob.conformance.crash.ways import Act, ByDeath, frozen
from anyjob.conformance.harness import offers
from anyjob.conformance.scene import Scene
from anyjob.conformance.stage import Stage
from anyjob.conformance.threads import Background
from anyjob.core.errors import AnyjobError

S = TypeVar("S", bound=Stage)
#: Every call has ended by then, whatever its own deadline is.
CALLS_END = 20.0
#: Seconds in which everything passes again after an outage.
RECOVERED = 10.0


def on_own_server(stage: S) -> S:
    """A stage whose server may be killed; where there is none, the stage itself."""
    if stage.server is None:
        return stage
    return stage.own(None if stage.clock is None else FakeClock())


def survive(stage: S, act: Act[S]) -> S:
    """Let whoever holds what is stored be killed after `act`, and come back to it."""
    here = on_own_server(stage)
    if here.server is None:
        here.used.close()
        assert ByDeath().run(here, act, None).told == "done"
    else:
        act(here, lambda: None)
        here.server.restart()
    here.use(here.client())
    return here


@contextmanager
def standstill(stage: Stage) -> Iterator[None]:
    """Nothing moves there: the server is frozen, or a process in the middle of a call is."""
    if stage.server is not None:
        stage.server.freeze()
        try:
            yield
        finally:
            stage.server.thaw()
        return
    ran = ByDeath().run(stage, _neighbour(800), None)
    # Just before what makes the difference: whatever it holds for that, it holds then.
    changes = [k for k, (before, after) in enumerate(ran.files, 1) if before != after]
    point = Point(changes[-1] if changes else len(ran.requests), "before")
    with frozen(stage, _neighbour(801), point):
        yield


def _neighbour(number: int) -> Callable[[Any, Callable[[], None]], None]:
    def act(stage: Any, begin: Callable[[], None]) -> None:
        if isinstance(stage, Scene):
            stage.declare("neighbour")
            begin()
            stage.enqueue([stage.nth(number, queue="neighbour")])
        else:
            begin()
            stage.put(f"neighbour {number}")

    return act


def empty(stage: Stage) -> None:
    """Take away all that is stored, under the eyes of whoever uses it."""
    if stage.server is None and not any(stage.site.folder.iterdir()):
        # It is on a server that the author starts, and the suite may not end.
        pytest.skip("UNTESTED: the harness has no server")
    if stage.server is not None:
        stage.server.kill()
    folder = stage.site.folder if stage.server is None else stage.server.folder
    for path in list(folder.iterdir()):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    if stage.server is not None:
        stage.server.run()


@contextmanager
def blamed(stage: Stage) -> Iterator[None]:
    """Before a backend is blamed for what a kill lost: whether the product loses what its own
    client stored, too. Then nobody knows.
    """
    try:
        yield
    except AssertionError as error:
        if stage.server is not None and offers(stage.harness, "raw_client") and _loses(stage):
            raise AssertionError(
                f"UNKNOWN: {stage.server!r} also loses what its own client stored: {error}"
            ) from error
        raise


def _loses(stage: Stage) -> bool:
    here = on_own_server(stage)
    assert here.server is not None
    values = {f"probe {number}": b"%d" % number for number in range(20)}
    client = here.harness.raw_client(here.site)
    for key, value in values.items():
        client.put(key, value)
    here.server.restart()
    client = here.harness.raw_client(here.site)
    return any(client.get(key) != value for key, value in values.items())


def failed(running: Background[object]) -> bool:
    """Whether a call ended with an error, which says that trying again may help."""
    try:
        running.result(CALLS_END)
    except AnyjobError as error:
        assert error.retryable, f"{error!r} is not retryable"  # noqa: PT017 - it may also pass
        return True
    return False
