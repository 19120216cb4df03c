"""A backend that is not there: whoever looks at it makes none."""

from pathlib import Path

import pytest

from anyjob import App
from tests.unit.cli.conftest import Cli

ID = "01a22321-0872-73c2-a251-3cd6c5ab84f0"
LOOKS = [
    ("queues", "ls"),
    ("jobs", "ls"),
    ("jobs", "show", ID),
    ("dead", "ls"),
    ("dead", "show", ID),
    ("doctor",),
]
CHANGES = [
    ("queues", "pause", "default"),
    ("queues", "resume", "default"),
    ("queues", "purge", "default", "--yes"),
    ("jobs", "cancel", ID, "--yes"),
    ("dead", "revive", "--all", "--yes"),
    ("dead", "discard", ID, "--yes"),
]


@pytest.mark.parametrize("words", [*LOOKS, *CHANGES], ids=" ".join)
def test_verb_on_a_file_that_is_not_there_makes_none(
    cli: Cli, tmp_path: Path, words: tuple[str, ...]
) -> None:
    ran = cli(*words, "-b", "sqlite:///typo.db")

    assert ran.code == 4
    asked, error, advice = ran.err.splitlines()
    assert asked == f"asked: anyjob {' '.join(words)} -b sqlite:///typo.db"
    assert error == f"error: there is no '{tmp_path / 'typo.db'}', and looking makes none"
    assert advice == "to do: correct the URL of the backend, or enqueue a first job there"
    assert list(tmp_path.iterdir()) == []


def test_store_that_is_not_there_is_not_made_either(cli: Cli, tmp_path: Path) -> None:
    with App("sqlite:///jobs.db"):
        pass

    ran = cli("queues", "ls", "-b", "sqlite:///jobs.db", "--store", "sqlite:///typo.db")

    assert ran.code == 4
    assert "correct the URL of the store" in ran.err
    assert not list(tmp_path.glob("typo*"))


def test_application_whose_file_is_not_there_yet_is_an_error_too(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "fresh.py").write_text("from anyjob import App\njobs = App('sqlite:///jobs.db')\n")

    ran = cli("queues", "ls", "--app", "fresh:jobs")

    assert ran.code == 4
    assert not (tmp_path / "jobs.db").exists()


def test_producer_makes_the_file_and_everybody_sees_it_then(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "fresh.py").write_text(
        "from anyjob import App\njobs = App('sqlite:///jobs.db')\n"
        "@jobs.task\ndef count(n: int) -> int:\n    return n\n"
    )

    assert cli("enqueue", "count", "n=1", "--app", "fresh:jobs").code == 0

    assert cli("queues", "ls", "-b", "sqlite:///jobs.db").rows[0][:2] == ["default", "1"]
