"""Verbs on an app with several backends: a column shows which, and a name addresses one."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from anyjob import App, JobDead
from anyjob.cli.lookup import find_app
from tests.unit.cli.conftest import Cli

MODULE = """
from anyjob import App

jobs = App(
    backends={{"one": "sqlite:///{folder}/one.db", "two": {{"url": "{two}"}}}},
    queues={{"left": {{"backend": "one"}}, "right": {{"backend": "two"}}}},
)


@jobs.task(queue="left", timeout=5)
def left(number: int) -> int:
    return number


@jobs.task(queue="right", timeout=5)
def right(number: int) -> int:
    if number < 0:
        raise ValueError(number)
    return number
"""
AWAY = "redis://:correct-horse@127.0.0.1:1"
APP = ("--app", "shop:jobs")


def write(folder: Path, two: str) -> None:
    for name in ("shop", "twin"):
        (folder / f"{name}.py").write_text(MODULE.format(folder=folder, two=two))


@pytest.fixture
def both(tmp_path: Path) -> Iterator[App]:
    write(tmp_path, f"sqlite:///{tmp_path}/two.db")
    with find_app("twin:jobs") as found:
        yield found


@pytest.fixture
def half(tmp_path: Path) -> Iterator[App]:
    """Its second backend does not answer."""
    write(tmp_path, AWAY)
    found = find_app("twin:jobs")
    found.enqueue(found.tasks.get("left").job(number=1))
    yield found
    found.close()


def test_queues_are_listed_with_their_backend(both: App, cli: Cli) -> None:
    both.enqueue(both.tasks.get("right").job(number=1))

    ran = cli("queues", "ls", *APP)

    assert ran.code == 0
    assert [row[:3] for row in ran.rows] == [["left", "one", "0"], ["right", "two", "1"]]
    items = json.loads(cli("queues", "ls", "--json", *APP).out)["items"]
    assert [item["backend"] for item in items] == ["one", "two"]


def test_one_backend_is_addressed_by_name(both: App, cli: Cli) -> None:
    ran = cli("queues", "ls", "-b", "two", *APP)

    assert [row[0] for row in ran.rows] == ["right"]
    wrong = cli("queues", "ls", "-b", "tow", *APP)
    assert wrong.code == 2
    assert "did you mean 'two'" in wrong.err


def test_queues_are_paused_resumed_and_purged_where_they_are(both: App, cli: Cli) -> None:
    both.enqueue(both.tasks.get("right").job(number=1))

    assert cli("queues", "pause", "right", *APP).rows == [["right", "two", "true"]]
    assert both.paused() == {"right"}
    assert cli("queues", "resume", "right", *APP).rows == [["right", "two", "false"]]
    assert cli("queues", "purge", "right", "-y", *APP).rows == [["right", "two", "1"]]
    assert both.counts("right").ready == 0


def test_jobs_are_listed_shown_and_cancelled_wherever_they_are(both: App, cli: Cli) -> None:
    ids = [both.enqueue(both.tasks.get(name).job(number=1)).id for name in ("left", "right")]

    assert [(row[0], row[3]) for row in cli("jobs", "ls", *APP).rows] == [
        (ids[0], "one"),
        (ids[1], "two"),
    ]
    shown = json.loads(cli("jobs", "show", ids[1], "--json", *APP).out)["items"]
    assert [item["backend"] for item in shown] == ["two"]
    assert cli("jobs", "cancel", "-y", *ids, *APP).rows == [
        [ids[0], "left", "one", "cancelled"],
        [ids[1], "right", "two", "cancelled"],
    ]


def test_dead_letters_are_listed_revived_and_discarded(both: App, cli: Cli) -> None:
    dead = both.enqueue(both.tasks.get("right").job(number=-1))
    with both.worker(), pytest.raises(JobDead):
        dead.result(timeout=30)

    assert [row[3] for row in cli("dead", "ls", *APP).rows] == ["two"]
    assert cli("dead", "revive", dead.id, "--edit", "number=2", *APP).rows == [
        ["right", "two", "1"]
    ]
    with both.worker():
        assert dead.result(timeout=30) == 2
    assert cli("dead", "discard", "--all", "-y", *APP).rows == [
        ["left", "one", "0"],
        ["right", "two", "0"],
    ]


def test_doctor_examines_each(both: App, cli: Cli) -> None:
    report = json.loads(cli("doctor", "--json", *APP).out)

    assert report["backends"].keys() == {"one", "two"}
    assert {item["backend"] for item in report["items"]} == {"one", "two"}
    assert all(item["severity"] != "error" for item in report["items"])


def test_job_is_enqueued_where_its_queue_is(both: App, cli: Cli) -> None:
    assert cli("enqueue", "right", "number=3", *APP).code == 0
    assert cli("enqueue", "left", "number=3", "-q", "right", *APP).code == 0

    assert both.counts("right").ready == 2
    wrong = cli("enqueue", "left", "number=3", "-q", "rigth", *APP)
    assert wrong.code == 5
    assert "did you mean 'right'" in wrong.err


def test_one_that_is_away_is_told_of_and_the_others_are_shown(half: App, cli: Cli) -> None:
    ran = cli("queues", "ls", *APP)

    assert ran.code == 3
    assert [row[:3] for row in ran.rows] == [["left", "one", "1"]]
    assert "backend 'two' is left out:" in ran.err
    assert "correct-horse" not in ran.err + ran.out


def test_queue_of_one_that_is_away_is_an_error_and_others_are_not(half: App, cli: Cli) -> None:
    assert cli("queues", "pause", "right", *APP).code == 3
    assert cli("queues", "pause", "left", *APP).code == 0
    assert cli("enqueue", "left", "number=2", *APP).code == 0
    assert cli("enqueue", "right", "number=2", *APP).code == 3


def test_doctor_reports_one_that_is_away(half: App, cli: Cli) -> None:
    ran = cli("doctor", "--json", *APP)

    items = json.loads(ran.out)["items"]
    [away] = [item for item in items if item["id"] == "backend-away"]
    assert (ran.code, away["backend"], away["severity"]) == (3, "two", "error")
    assert "correct-horse" not in ran.out + ran.err


def test_misrouted_application_is_one_clear_error(tmp_path: Path, cli: Cli) -> None:
    (tmp_path / "anyjob.toml").write_text(
        '[backends]\nfast = "sqlite:///jobs.db"\n[queues.mail]\nbackend = "slow"\n'
    )

    ran = cli("queues", "ls")

    assert ran.code == 4
    assert "queue 'mail' is routed to backend 'slow'" in ran.err
    assert not (tmp_path / "jobs.db").exists()
