"""Exit codes, and the three lines of an error."""

from pathlib import Path

import click
import pytest

from anyjob import cli as cli_module
from anyjob.cli import failure
from anyjob.cli.failure import AppNotLoaded, NotDone, NotFound, code_of, explain
from anyjob.cli.session import Session
from anyjob.cli.tree import ROOT
from anyjob.core import errors
from tests.unit.cli.conftest import Cli

CODES: list[tuple[BaseException, int]] = [
    (NotDone(""), 1),
    (ZeroDivisionError(), 1),
    (errors.PayloadTooLarge(), 1),
    (errors.EnqueueRejected(), 1),
    (errors.JobDead(""), 1),
    (click.UsageError(""), 2),
    (errors.InvalidArguments(), 2),
    (errors.InvalidOption(), 4),
    (errors.BackendUnavailable(), 3),
    (errors.BackendFull(), 3),
    (errors.BackendCorrupt(), 3),
    (errors.EnqueueUncertain(""), 3),
    (errors.ConfigurationError(), 4),
    (AppNotLoaded(), 4),
    (errors.Misuse(), 4),
    (NotFound(), 5),
    (errors.JobNotFound(), 5),
    (errors.TaskNotFound(), 5),
    (errors.UnsupportedCapability("browse", ""), 6),
    (errors.ResultTimeout(), 7),
    (KeyboardInterrupt(), 130),
    (click.Abort(), 130),
]


@pytest.mark.parametrize(("error", "code"), CODES, ids=lambda value: type(value).__name__)
def test_error_has_its_exit_code(error: BaseException, code: int) -> None:
    assert code_of(error) == code
    assert explain(error, [], Session()) == code


def test_error_is_three_lines_without_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    error = errors.BackendUnavailable("no answer from redis://:hunter2@h; start it, then try again")

    explain(error, ["queues", "ls", "-b", "redis://:hunter2@h\x1b[31m"], Session())

    assert capsys.readouterr().err.splitlines() == [
        "asked: anyjob queues ls -b 'redis://:***@h'",
        "error: no answer from redis://:***@h",
        "to do: start it, then try again",
    ]


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (errors.BackendUnavailable("down"), "see that it runs and that its address is right"),
        (errors.ConfigurationError("wrong"), "correct it where it was set"),
        (errors.JobNotFound("gone"), "anyjob jobs ls, anyjob queues ls or anyjob tasks ls"),
        (errors.ResultTimeout("late"), "wait longer, or look later with: anyjob jobs show ID"),
        (ZeroDivisionError("x"), "-v shows the traceback"),
        (ValueError("this; that"), "-v shows the traceback"),
    ],
)
def test_error_without_advice_gets_one(
    capsys: pytest.CaptureFixture[str], error: Exception, advice: str
) -> None:
    explain(error, [], Session())

    assert f"to do: {advice}" in capsys.readouterr().err


def test_verbose_traceback_shows_no_secret(capsys: pytest.CaptureFixture[str]) -> None:
    session = Session()
    session.verbose = True
    try:
        raise ValueError("no answer from redis://:hunter2@h")
    except ValueError as error:
        explain(error, [], session)

    err = capsys.readouterr().err
    assert "Traceback" in err
    assert "hunter2" not in err
    assert "to do: see the traceback above" in err


@pytest.mark.parametrize(
    ("words", "problem", "advice"),
    [
        (["qeues"], "no verb 'qeues'", "did you mean 'queues'?"),
        (["queues", "lss"], "no verb 'lss'", "did you mean 'ls'?"),
        (["zzz"], "no verb 'zzz'", f"use one of these: {', '.join(sorted(ROOT))}"),
        (["queues", "ls", "--limit", "3"], "No such option", "anyjob queues ls --help"),
        (["jobs", "ls", "--limit", "0"], "Invalid value for '--limit'", "anyjob jobs ls --help"),
        (["queues", "pause"], "Missing argument 'QUEUE...'", "anyjob queues pause --help"),
        (["version", "--json", "-o", "tsv"], "--json and -o tsv say different", "leave out one"),
        (["worker", "x:y", "-c", "0"], "Invalid value for '-c'", "anyjob worker --help"),
        (
            ["worker", "x:y", "--grace", "soon"],
            "Invalid value for '--grace': expected a span",
            "anyjob worker --help",
        ),
    ],
)
def test_usage_error_is_three_lines_and_exit_code_2(
    cli: Cli, words: list[str], problem: str, advice: str
) -> None:
    ran = cli(*words)

    assert (ran.code, ran.out) == (2, "")
    asked, error, to_do = ran.err.splitlines()
    assert asked == f"asked: anyjob {' '.join(words)}"
    assert error.startswith(f"error: {problem}")
    assert to_do == f"to do: {advice}"


def test_help_and_bare_group_exit_as_click_does(cli: Cli) -> None:
    assert cli("--help").code == 0
    assert "Verbs:" in cli("queues", "--help").out
    assert cli().code == 2
    assert cli("queues").code == 2


def test_codes_are_documented_constants() -> None:
    named = {name: getattr(failure, name) for name in vars(failure) if name[0].isupper()}

    assert {name: value for name, value in named.items() if isinstance(value, int)} == {
        "FAILED": 1,
        "USAGE": 2,
        "UNREACHABLE": 3,
        "CONFIGURATION": 4,
        "NOT_FOUND": 5,
        "UNSUPPORTED": 6,
        "TIMED_OUT": 7,
        "INTERRUPTED": 130,
    }
    assert cli_module.__all__ == ["main", "run"]


def test_option_of_a_task_that_is_refused_is_no_mistake_of_whoever_typed(
    cli: Cli, tmp_path: Path
) -> None:
    source = """
from anyjob import App
jobs = App("sqlite:///jobs.db")
@jobs.task(delay=60, expires=5)
def send(to: str) -> None: ...
"""
    (tmp_path / "stillborn.py").write_text(source)

    for words in (["worker", "stillborn:jobs"], ["enqueue", "send", "to=a", "--app", "stillborn"]):
        ran = cli(*words)
        assert (ran.code, ran.out) == (4, "")
        assert ran.err.endswith("to do: let it expire later, or wait less\n")


def test_option_that_was_typed_and_is_refused_leads_to_the_help_of_its_verb(
    cli: Cli, tmp_path: Path
) -> None:
    source = (
        'from anyjob import App\njobs = App("sqlite:///jobs.db")\n@jobs.task\ndef send(): ...\n'
    )
    (tmp_path / "typed.py").write_text(source)

    ran = cli("enqueue", "send", "--unique-key", "", "--app", "typed:jobs")

    assert ran.code == 2
    assert ran.err.endswith("to do: anyjob enqueue --help\n")
