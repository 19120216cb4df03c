"""`anyjob worker`: a real process."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from anyjob import App
from anyjob.cli.lookup import find_app
from anyjob.core.state import State
from tests.unit.cli.conftest import Cli, Shop

SHOP = """
import pathlib, threading, time
from anyjob import App

jobs = App("sqlite:///jobs.db")

@jobs.task(queue="mail")
def send(to: str) -> str:
    return to.upper()

@jobs.task
def slow(seconds: float) -> None:
    pathlib.Path("running").write_text("")
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        time.sleep(0.01)
        if "anyjob-fetch" not in [thread.name for thread in threading.enumerate()]:
            pathlib.Path("draining").write_text("")
"""

Process = subprocess.Popen[str]


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    for name in ("shop", "twin"):
        (tmp_path / f"{name}.py").write_text(SHOP)
    with find_app("twin:jobs") as found:
        yield found


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Process]]:
    started: list[Process] = []

    def begin(*words: str) -> Process:
        process = subprocess.Popen(
            [sys.executable, "-m", "anyjob", "worker", *words],
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parents[3])},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_burst_runs_what_is_there_and_ends(
    app: App, start: Callable[..., Process], tmp_path: Path
) -> None:
    jobs = [app.tasks.get("send").enqueue(to) for to in ("ann", "bob")]

    process = start("shop:jobs", "--burst")
    out, err = process.communicate(timeout=30)

    assert (process.returncode, out) == (0, "")
    assert [job.result(timeout=5) for job in jobs] == ["ANN", "BOB"]
    where = f"sqlite:///jobs.db ({tmp_path / 'jobs.db'})"
    assert f"works on {where}, queues default, mail, with 32 slots and 2 tasks" in err


def test_worker_takes_only_its_queues(app: App, start: Callable[..., Process]) -> None:
    mail, slow = app.tasks.get("send").enqueue("ann"), app.tasks.get("slow").enqueue(0)

    start("shop:jobs", "--burst", "-q", "mail", "-c", "2").communicate(timeout=30)

    assert (mail.status(), slow.status()) == (State.SUCCEEDED, State.READY)


def test_log_is_json_on_request(app: App, start: Callable[..., Process]) -> None:
    app.tasks.get("send").enqueue("ann")

    _, err = start("shop:jobs", "--burst", "--log-format", "json").communicate(timeout=30)

    lines = [json.loads(line) for line in err.splitlines()]
    started = lines[0]
    assert started["event"] == "worker.started"
    assert started["backend"] == "sqlite:///jobs.db"
    assert (started["queues"], started["slots"], started["tasks"]) == (["default", "mail"], 32, 2)


def test_log_level_leaves_out_what_is_below(app: App, start: Callable[..., Process]) -> None:
    app.tasks.get("send").enqueue("ann")

    _, err = start("shop:jobs", "--burst", "--log-level", "error").communicate(timeout=30)

    assert err == ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_first_signal_lets_running_jobs_finish(
    app: App, start: Callable[..., Process], tmp_path: Path, number: signal.Signals
) -> None:
    job = app.tasks.get("slow").enqueue(1.0)
    process = start("shop:jobs")
    wait_until((tmp_path / "running").exists)

    process.send_signal(number)
    process.communicate(timeout=30)

    assert process.returncode == 0
    assert job.status() == State.SUCCEEDED


def test_grace_that_is_over_releases_what_runs_and_exits_1(
    app: App, start: Callable[..., Process], tmp_path: Path
) -> None:
    job = app.tasks.get("slow").enqueue(60.0)
    process = start("shop:jobs", "--grace", "0.2")
    wait_until((tmp_path / "running").exists)

    process.terminate()
    process.communicate(timeout=30)

    assert process.returncode == 1
    assert (job.status(), app.show(job.id).attempts) == (State.READY, 0)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_second_signal_ends_at_once_with_its_code(
    app: App, start: Callable[..., Process], tmp_path: Path, number: signal.Signals, code: int
) -> None:
    job = app.tasks.get("slow").enqueue(60.0)
    process = start("shop:jobs")
    wait_until((tmp_path / "running").exists)

    process.send_signal(number)
    wait_until((tmp_path / "draining").exists)
    process.send_signal(number)
    process.communicate(timeout=30)

    assert process.returncode == code
    assert job.status() == State.READY


@pytest.mark.parametrize(
    ("words", "code", "problem"),
    [
        (["nope:jobs"], 4, "there is no module 'nope'"),
        (["shop:jobs", "-q", "mail,mial"], 5, "there is no queue 'mial'"),
        (["shop:jobs", "--lease", "0.5"], 4, "expected lease to be"),
        ([], 2, "this verb needs the application's tasks"),
        (["shop:jobs", "--app", "shop:jobs"], 2, "the app is given twice"),
        (["shop:jobs", "--log-format", "xml"], 2, "Invalid value for '--log-format'"),
    ],
)
def test_worker_that_cannot_start_says_why(
    app: App, start: Callable[..., Process], words: list[str], code: int, problem: str
) -> None:
    process = start(*words)
    out, err = process.communicate(timeout=30)

    assert (process.returncode, out) == (code, "")
    assert problem in err


def test_memory_is_refused_with_what_to_do(shop: Shop, start: Callable[..., Process]) -> None:
    process = start("shop:jobs")
    _, err = process.communicate(timeout=30)

    assert process.returncode == 4
    assert f"error: cannot run a worker process on {shop.url}: its jobs live in the program" in err
    assert "to do: use sqlite:///jobs.db, or run the worker inside the program" in err


def test_store_that_lives_in_one_program_is_refused_too(
    start: Callable[..., Process], tmp_path: Path
) -> None:
    source = SHOP.replace('App("sqlite:///jobs.db")', 'App("sqlite:///jobs.db", store="memory://")')
    (tmp_path / "shop.py").write_text(source)

    process = start("shop:jobs")
    _, err = process.communicate(timeout=30)

    assert process.returncode == 4
    assert "error: cannot run a worker process with store memory://: it lives in one program" in err
    assert "to do: leave it out, or name one that is shared" in err


def test_queue_that_nobody_knows_is_exit_code_5(app: App, cli: Cli) -> None:
    assert cli("worker", "shop:jobs", "-q", "nope").code == 5
