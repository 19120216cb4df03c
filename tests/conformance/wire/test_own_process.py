"""Servers of the suite's own: started, killed, frozen, and never left behind."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from anyjob.conformance.servers import OwnProcess, Running, facts
from anyjob.conformance.servers.registry import Entry, Registry
from anyjob.core.errors import ConfigurationError
from tests.waiting import until

#: Echoes what it is sent from the third connection on; has a child, and one that left its group;
#: counts its beginnings in its folder.
ECHO = """
import pathlib, socket, subprocess, sys
port, folder = int(sys.argv[1]), pathlib.Path(sys.argv[2])
with (folder / "begun").open("a") as begun:
    begun.write("x")
sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
children = [subprocess.Popen(sleep), subprocess.Popen(sleep, start_new_session=True)]
(folder / "children").write_text(" ".join(str(child.pid) for child in children))
listener = socket.create_server(("127.0.0.1", port))
for number in range(10**9):
    wire, _ = listener.accept()
    if number >= 4:
        wire.sendall(wire.recv(100))
    wire.close()
"""


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path / "registry")


@pytest.fixture
def echo(tmp_path: Path, registry: Registry) -> Iterator[Running]:
    running = recipe(tmp_path, registry).start(answers)
    yield running
    running.stop()


def recipe(folder: Path, registry: Registry, program: str = ECHO, **options: float) -> OwnProcess:
    path = folder / "server.py"
    path.write_text(program)
    command = [sys.executable, str(path), "{port}", "{dir}"]
    return OwnProcess(command, url="echo://{host}:{port}/", registry=registry, **options)


def answers(server: Running, within: float = 1.0) -> bool:
    with socket.create_connection(("127.0.0.1", server.port), within) as wire:
        wire.sendall(b"ping")
        return wire.recv(100) == b"ping"


def is_running(pid: int) -> bool:
    return facts.started(pid) is not None


def children_of(server: Running) -> list[int]:
    return [int(pid) for pid in (server.folder / "children").read_text().split()]


def test_server_is_ready_when_something_passes_and_not_when_it_accepts(echo: Running) -> None:
    assert answers(echo)
    assert echo.url == f"echo://127.0.0.1:{echo.port}/"
    assert echo.url_at(7) == "echo://127.0.0.1:7/"


def test_killed_server_starts_again_with_the_same_port_and_data(echo: Running) -> None:
    port, pid = echo.port, echo.pid

    echo.kill()
    assert not echo.is_alive
    with pytest.raises(ConnectionError):
        answers(echo)
    echo.run()

    assert answers(echo)
    assert (echo.port, echo.pid != pid) == (port, True)
    assert (echo.folder / "begun").read_text() == "xx"


def test_frozen_server_keeps_silent_until_it_is_thawed(echo: Running) -> None:
    echo.freeze()
    with pytest.raises(TimeoutError):
        answers(echo, within=0.2)

    echo.thaw()

    assert answers(echo)


def test_stopped_server_takes_its_children_along_and_its_folder(echo: Running) -> None:
    children = children_of(echo)
    assert all(map(is_running, children))

    echo.stop()
    echo.stop()

    until(lambda: not any(map(is_running, children)), "until its children end")
    assert not echo.folder.exists()


def test_server_that_ends_at_once_is_unknown_and_its_last_words_are_told(
    tmp_path: Path, registry: Registry
) -> None:
    broken = recipe(tmp_path, registry, "raise SystemExit('no such option')")

    with pytest.raises(AssertionError, match="UNKNOWN: .* ended before it was ready") as caught:
        broken.start(answers)

    assert "no such option" in str(caught.value)


def test_server_that_never_answers_is_unknown_and_ended(tmp_path: Path, registry: Registry) -> None:
    started: list[Running] = []

    def never(server: Running) -> bool:
        started.append(server)
        return False

    with pytest.raises(AssertionError, match="UNKNOWN: .* was not ready after 0.5 s"):
        recipe(tmp_path, registry, patience=0.5).start(never)

    assert not started[0].is_alive


def test_missing_program_is_untested_at_home_and_a_failure_in_ci(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    missing = OwnProcess(["no-such-server-program"])

    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="UNTESTED: the server program 'no-such-"):
        missing.start(answers)
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="CI=true wants every server"):
        missing.start(answers)


def test_command_that_is_no_list_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="as a list of words"):
        OwnProcess("corald --port 7")


def test_shared_server_is_started_once_and_again_when_it_is_gone(
    tmp_path: Path, registry: Registry
) -> None:
    shared = recipe(tmp_path, registry)
    first = shared.shared(answers)
    assert shared.shared(answers) is first

    first.kill()
    second = shared.shared(answers)

    assert second is not first
    assert answers(second)
    second.stop()


SLEEP = "import time; time.sleep(600)"
RUN = """
import os, pathlib, sys
sys.path.insert(0, os.getcwd())
from tests.conformance.wire.test_own_process import answers, children_of, recipe
from anyjob.conformance.servers.registry import Registry
folder = pathlib.Path(sys.argv[1])
server = recipe(folder, Registry(folder / "registry")).start(answers)
print(server.pid, *children_of(server), flush=True)
{end}
"""


@contextlib.contextmanager
def started(folder: Path, end: str) -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    """A run of the suite in a process of its own, with the processes of its server."""
    with subprocess.Popen(
        [sys.executable, "-c", RUN.format(end=end), str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as run:
        assert run.stdout is not None
        pids = [int(pid) for pid in run.stdout.readline().split()]
        assert len(pids) == 3
        yield run, pids
        run.kill()


@pytest.mark.parametrize("end", ["", "raise SystemExit(3)", "raise KeyboardInterrupt", "1 / 0"])
def test_run_that_ends_takes_its_server_along(tmp_path: Path, end: str) -> None:
    with started(tmp_path, end) as (run, pids):
        run.wait(30)

        until(lambda: not any(map(is_running, pids)), "until the server ends")
    assert list((tmp_path / "registry").iterdir()) == []


def test_next_run_ends_what_a_killed_one_left_and_nothing_else(
    tmp_path: Path, registry: Registry
) -> None:
    sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
    with started(tmp_path, SLEEP) as (run, pids), subprocess.Popen(sleep) as stranger:
        run.kill()
        run.wait(30)
        assert all(map(is_running, pids))
        # An entry that names a process of somebody else's, by its number and its beginning.
        began = facts.started(stranger.pid) or ""
        alien = Entry(stranger.pid, began, "0" * 32, str(tmp_path / "nothing"))
        (tmp_path / "registry" / "999999-7.json").write_bytes(msgspec.json.encode([alien]))

        ended = registry.end_leftovers()

        until(lambda: not any(map(is_running, pids)), "until what was left ends")
        assert {entry.pid for entry in ended} == {pids[0], stranger.pid}
        assert is_running(stranger.pid)
        stranger.kill()
    assert list((tmp_path / "registry").iterdir()) == []


def test_run_that_goes_on_keeps_its_server(tmp_path: Path, registry: Registry) -> None:
    with started(tmp_path, SLEEP) as (_, pids):
        assert registry.end_leftovers() == []
        assert all(map(is_running, pids))

    registry.end_leftovers()
    until(lambda: not any(map(is_running, pids)), "until the server ends")


def test_forked_child_ends_no_server_of_its_parent(echo: Running) -> None:
    child = os.fork()
    if not child:
        echo.stop()
        os._exit(0)
    os.waitpid(child, 0)

    assert answers(echo)
