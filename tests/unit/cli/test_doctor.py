"""`anyjob doctor`."""

import json
from pathlib import Path

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
