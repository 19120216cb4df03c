"""What came from a reference reaches neither the three lines of an error nor a worker's log."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from anyjob.cli.lookup import find_app
from tests.unit.cli.conftest import Cli

TOKEN = "hunter2secret"
FILE = """
backend = "sqlite:///jobs.db"

[defaults]
headers = { auth = "${TOKEN}", odd = "${ODD}" }
"""
ENVIRON = {"TOKEN": TOKEN, "ODD": 'a"b\\c'}
SHOP = """
import logging, os
from anyjob import App

jobs = App()

@jobs.task
def tell() -> None:
    logging.getLogger("shop").warning("sent %s to x://u:hunter2@h", os.environ["TOKEN"])
    raise ValueError(f"refused {os.environ['TOKEN']} and {os.environ['ODD']!r}")

def make():
    jobs.open()
    raise RuntimeError("unreachable")
"""


@pytest.fixture(autouse=True)
def _shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "anyjob.toml").write_text(FILE)
    (tmp_path / "secretive.py").write_text(SHOP)
    for name, value in ENVIRON.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("verbose", [(), ("-v",)])
@pytest.mark.parametrize(
    "words",
    [
        ("enqueue", "tell", f"x={TOKEN}"),
        ("enqueue", TOKEN),
        ("enqueue", "tell", "--queue", TOKEN),
        ("enqueue", "tell", "--unique-key", f"{TOKEN}{'k' * 2000}"),
        ("jobs", "show", TOKEN),
        ("worker", "-q", TOKEN),
    ],
)
def test_error_of_a_verb_shows_no_secret(
    cli: Cli, words: tuple[str, ...], verbose: tuple[str, ...]
) -> None:
    with find_app("secretive:jobs"):
        ran = cli(*words, *verbose, "--app", "secretive:jobs")

    assert ran.code != 0
    assert "***" in ran.err
    assert TOKEN not in ran.err


@pytest.mark.parametrize(
    ("file", "problem"),
    [
        ('[defaults]\ntimeout = "${TOKEN}"', "expected timeout to be seconds or a timedelta"),
        ('[defaults]\nheaders = "${TOKEN}"', "expected headers to map text to text, got '***'"),
        ('[worker]\ngrace = "${TOKEN}"', "to be seconds, 0 or more, got '***'"),
    ],
)
@pytest.mark.parametrize("verbose", [(), ("-v",)])
def test_wrong_configuration_shows_no_secret(
    cli: Cli, tmp_path: Path, file: str, problem: str, verbose: tuple[str, ...]
) -> None:
    (tmp_path / "anyjob.toml").write_text(f'backend = "sqlite:///jobs.db"\n{file}')

    for app in ("secretive:jobs", "secretive:make()"):
        ran = cli("tasks", "ls", *verbose, "--app", app)
        assert ran.code == 4
        assert problem in ran.err
        assert TOKEN not in ran.err


def test_wrong_url_shows_no_secret(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANYJOB_BACKEND", "sqlite:///jobs.db?synchronous=${TOKEN}")

    ran = cli("queues", "ls", "-v")

    assert ran.code == 4
    assert "expected synchronous in the sqlite:// URL to be full or normal" in ran.err
    assert TOKEN not in ran.err


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_log_of_a_worker_shows_no_secret(tmp_path: Path, log_format: str) -> None:
    with find_app("secretive:jobs") as app:
        app.tasks.get("tell").enqueue()

    ended = subprocess.run(
        [sys.executable, "-m", "anyjob", "worker", "secretive:jobs", "--burst"],
        cwd=tmp_path,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(Path(__file__).parents[3]),
            "ANYJOB_WORKER_LOG_FORMAT": log_format,
            **ENVIRON,
        },
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )

    assert "sent *** to x://u:***@h" in ended.stderr
    assert "refused *** and " in ended.stderr
    for secret in (TOKEN, "hunter2", 'a"b', "b\\"):
        assert secret not in ended.stderr
    if log_format == "json":
        assert all(json.loads(line) for line in ended.stderr.splitlines())
