"""Deaths at chosen requests: what counts as one, and that the process is gone there."""

from __future__ import annotations

import io
import os
import socket
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from anyjob.conformance.clock import FakeClock
from anyjob.conformance.crash.files import Fingerprints
from anyjob.conformance.crash.points import Point, kind_of
from anyjob.conformance.crash.ways import ByDeath
from anyjob.conformance.scene import Scene
from anyjob.core.errors import BackendError, BackendUnavailable, Misuse
from anyjob.core.failpoints import reach
from tests.conformance.test_memory import MemoryHarness


def run(act: Callable[[Path], object], death: Point | None = None) -> tuple[Any, Path]:
    """A run of something that is no backend at all, on the folder of a site."""
    with Scene(MemoryHarness(), FakeClock()) as scene:
        folder = scene.site.folder

        def client(_: Scene, begin: Callable[[], None]) -> None:
            begin()
            act(folder)

        ran = ByDeath().run(scene, client, death)
        return ran, Path(*[folder.name, *sorted(path.name for path in folder.iterdir())])


def two_steps(folder: Path) -> None:
    (folder / "a").mkdir()
    (folder / "a").rename(folder / "b")


def test_what_reaches_outside_is_known_by_its_name_and_owner(tmp_path: Path) -> None:
    database = sqlite3.connect(":memory:")
    with socket.socket() as wire, (tmp_path / "file").open("wb") as file:
        assert kind_of(os.rename) == "file rename"
        assert kind_of(open) == "file open"
        assert kind_of(file.write) == "file write"
        assert kind_of(wire.sendall) == "wire sendall"
        assert kind_of(database.execute) == "statement execute"
        assert kind_of(database.commit) == "statement commit"
        harmless: list[Any] = [
            io.BytesIO().write,
            [].append,
            os.stat,
            "".replace,
            database.close,
            len,
        ]
        assert [kind_of(call) for call in harmless] == [None] * len(harmless)
    database.close()


def test_requests_are_counted_in_order() -> None:
    ran, _ = run(two_steps)

    assert ran.requests == ["file mkdir", "file rename"]
    assert ran.told == "done"


@pytest.mark.parametrize(
    ("point", "left"),
    [
        (Point(0), ()),
        (Point(1, "before"), ()),
        (Point(1, "after"), ("a",)),
        (Point(2, "before"), ("a",)),
        (Point(2, "after"), ("b",)),
    ],
)
def test_process_is_gone_at_its_point(point: Point, left: tuple[str, ...]) -> None:
    ran, seen = run(two_steps, point)

    assert seen.parts[1:] == left
    assert ran.told == "unknown"


def test_failpoint_is_a_point() -> None:
    ran, _ = run(lambda _: reach("sqlite.claim.before_commit"))

    assert ran.requests == ["failpoint sqlite.claim.before_commit"]


def test_requests_of_a_thread_count_too() -> None:
    def act(folder: Path) -> None:
        thread = threading.Thread(target=(folder / "made").mkdir)
        thread.start()
        thread.join()

    assert run(act)[0].requests == ["file mkdir"]


def fail_with(error: BaseException) -> Callable[[Path], None]:
    def act(folder: Path) -> None:
        raise error

    return act


def test_client_is_told_what_its_error_says() -> None:
    uncertain = BackendError("nobody knows")
    uncertain.retryable = True

    assert run(fail_with(BackendUnavailable("gone")))[0].told == "refused"
    assert run(fail_with(uncertain))[0].told == "unknown"
    for wrong, words in (
        (BackendError("final"), "expected an uncertain"),
        (Misuse("closed"), "a call that was cut off raised"),
        (OSError("of a driver"), "OSError: of a driver"),
    ):
        with pytest.raises(AssertionError, match=words):
            run(fail_with(wrong))


def test_equal_fingerprints_are_equal_files(tmp_path: Path) -> None:
    prints = Fingerprints(tmp_path)
    empty = prints.take()
    file = tmp_path / "file"

    file.write_bytes(b"one")
    one = prints.take()
    file.write_bytes(b"two")
    two = prints.take()
    file.write_bytes(b"one")

    assert prints.take() == one
    assert len({empty, one, two}) == 3
