"""Jobs in memory are in the program that made them: the command line says so, or looks there."""

import uuid
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Cli, Shop
from tests.unit.cli.test_absent import CHANGES, LOOKS

WORDS = [words for words in (*LOOKS, *CHANGES) if words != ("doctor",)]
LIVELY = """
from anyjob import App

jobs = App("memory://")

@jobs.task
def count(n: int) -> int:
    return n

count.enqueue(1)
"""


@pytest.mark.parametrize("name", ["", "{}"], ids=["unnamed", "named"])
@pytest.mark.parametrize("words", WORDS, ids=" ".join)
def test_verb_on_a_memory_of_its_own_is_refused(
    cli: Cli, words: tuple[str, ...], name: str
) -> None:
    # A name of its own, because what a test before this one held may still be there.
    url = f"memory://{name.format(uuid.uuid4().hex)}"

    ran = cli(*words, "-b", url)

    assert (ran.code, ran.out) == (4, "")
    _, error, advice = ran.err.splitlines()
    assert error.startswith(f"error: there is nothing at {url}: its jobs live in the program that")
    assert advice.startswith("to do: use sqlite:///jobs.db, or ask inside that program")


def test_app_in_memory_that_only_this_command_imported_is_refused_too(
    cli: Cli, tmp_path: Path
) -> None:
    (tmp_path / "idle.py").write_text(LIVELY.replace("count.enqueue(1)", ""))

    assert cli("queues", "pause", "default", "--app", "idle:jobs").code == 4


def test_module_that_has_made_jobs_in_this_process_is_looked_at(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "lively.py").write_text(LIVELY)

    ran = cli("queues", "ls", "--app", "lively:jobs")

    assert (ran.code, ran.rows[0][:2]) == (0, ["default", "1"])


def test_memory_that_an_app_of_this_process_holds_is_looked_at_and_changed(
    shop: Shop, cli: Cli
) -> None:
    assert cli("queues", "pause", "mail", *shop.where).code == 0
    assert shop.app.paused() == {"mail"}


def test_doctor_and_tasks_ask_about_the_app_and_work(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "idle.py").write_text(LIVELY.replace("count.enqueue(1)", ""))

    assert "durability-none" in cli("doctor", "--app", "idle:jobs").out
    assert cli("tasks", "ls", "--app", "idle:jobs").code == 0
