"""`anyjob doctor`."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from anyjob.backends.memory import MemoryBackend
from anyjob.backends.registry import BACKENDS
from tests.unit.cli.conftest import Cli, Shop


def test_doctor_prints_plan_and_weaknesses(shop: Shop, cli: Cli) -> None:
    ran = cli("doctor", "--app", "shop:jobs")

    assert ran.code == 0
    assert ["ok", "plan-delay", "task 'send' needs a delayed retry: native", "", ""] in ran.rows
    assert "durability-none" in {row[1] for row in ran.rows}
    assert "task-without-timeout" in {row[1] for row in ran.rows}
    assert "0 errors" in ran.err


def test_strict_makes_warnings_fail(shop: Shop, cli: Cli) -> None:
    assert cli("doctor", *shop.where).code == 0
    assert cli("doctor", "--strict", *shop.where).code == 1


def test_waiting_jobs_of_unknown_tasks_are_told(shop: Shop, cli: Cli) -> None:
    shop.count.enqueue(3)  # a task that the module of the shop lacks

    ran = cli("doctor", "--app", "shop:jobs", "--json")

    found = {item["id"]: item for item in json.loads(ran.out)["items"]}
    assert "count" in found["task-unknown"]["seen"]


def test_task_that_the_backend_refuses_is_an_error_and_exit_code_1(
    cli: Cli, tmp_path: Path
) -> None:
    (tmp_path / "odd.py").write_text(
        "from anyjob import App\n"
        "jobs = App('memory://')\n"
        "@jobs.task\n"
        "def f(x: 'Missing') -> None: ...\n"
    )

    ran = cli("doctor", "--app", "odd:jobs")

    assert ran.code == 1
    assert ran.rows[0][:2] == ["error", "task-refused"]


class Lesser(MemoryBackend):
    """Knows no unique keys."""

    capabilities = replace(MemoryBackend.capabilities, product="lesser", unique="none")


DEMANDING = """
from anyjob import App, Middleware

class Once(Middleware):
    needs = ["unique"]

jobs = App({url!r}{middleware})

@jobs.task(timeout=5{options})
def f() -> None: ...

@jobs.task(timeout=5, delay=60)
def g() -> None: ...
"""
REFUSED = {
    "task-refused": [
        (", unique_key='k'", "task 'f' needs a unique key, which lesser cannot do"),
        (", delay=10, expires=5", "task 'f' wants a delay of 10 s, and the job would expire"),
    ],
    "middleware-refused": [("", "middleware Once needs unique, which lesser cannot do")],
}
CASES = [(id, options, seen) for id, cases in REFUSED.items() for options, seen in cases]


@pytest.fixture
def demanding(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Writes an app that asks more of the shop's backend than that can do."""
    monkeypatch.setitem(BACKENDS, "memory", f"{__name__}:Lesser")

    def write(id: str, options: str) -> None:
        middleware = ", middleware=[Once()]" if id == "middleware-refused" else ""
        text = DEMANDING.format(url=shop.url, options=options, middleware=middleware)
        (tmp_path / "demanding.py").write_text(text)

    return write


@pytest.mark.parametrize(("id", "options", "seen"), CASES)
def test_what_nobody_honours_is_an_error_beside_the_plan_and_exit_code_1(
    demanding: Callable[..., None], cli: Cli, id: str, options: str, seen: str
) -> None:
    demanding(id, options)

    ran = cli("doctor", "--app", "demanding:jobs")

    assert ran.code == 1
    assert ["ok", "plan-delay", "task 'g' needs a delay: native", "", ""] in ran.rows
    (error,) = [row for row in ran.rows if row[0] == "error"]
    assert error[1] == id
    assert error[2].startswith(seen)
    assert "1 error" in ran.err


@pytest.mark.parametrize(("id", "options", "seen"), CASES)
def test_what_nobody_honours_keeps_nobody_from_looking(
    demanding: Callable[..., None], shop: Shop, cli: Cli, id: str, options: str, seen: str
) -> None:
    demanding(id, options)
    (dead,) = shop.bury(1)

    assert cli("queues", "ls", "-q", "mail", "--app", "demanding:jobs").rows[0][4] == "1"
    assert cli("dead", "ls", "--app", "demanding:jobs").rows[0][0] == dead.id
    assert cli("dead", "revive", dead.id, "--app", "demanding:jobs").code == 0
    # Who would act on the tasks is still refused.
    worker = cli("worker", "demanding:jobs")
    assert seen in worker.err
    assert worker.code == (4 if "expires" in options else 6)
