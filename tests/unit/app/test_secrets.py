"""No error of an app that starts, and no repr, shows what came from a reference or a URL."""

import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest

from anyjob import AnyjobError, App, Middleware

TOKEN = "hunter2secret"
LONG = "eyJhbGciOi." * 40


class Signing(Middleware):
    options: ClassVar = {"key": int}


def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, token: str) -> App:
    (tmp_path / "anyjob.toml").write_text(file)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TOKEN", token)
    app = App(middleware=[Signing()])
    app.task(print_it)
    return app


def print_it() -> None: ...


USES: list[Callable[[App], Any]] = [
    lambda app: app.open(),
    lambda app: app.tasks.get("print_it").options,
    lambda app: app.tasks.get("print_it").enqueue(),
    lambda app: app.worker(),
]


@pytest.mark.parametrize(
    "token", [TOKEN, LONG, "x'y\\z\n", "a b"], ids=["plain", "long", "odd", "short"]
)
@pytest.mark.parametrize(
    "default",
    [
        'timeout = "${TOKEN}"',
        'priority = "${TOKEN}"',
        'headers = "${TOKEN}"',
        'headers = { auth = ["${TOKEN}"] }',
        'key = "${TOKEN}"',
        'retry = { backoff = "${TOKEN}" }',
    ],
)
def test_wrong_default_from_a_reference_is_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, default: str, token: str
) -> None:
    app = made(tmp_path, monkeypatch, f'backend = "memory://"\n[defaults]\n{default}', token)

    for use in USES:
        with pytest.raises(AnyjobError, match=r"'\*\*\*'") as raised:
            use(app)
        shown = "".join(traceback.format_exception(raised.value))
        assert token not in shown
        assert repr(token)[1:30] not in shown
        assert f"defaults.{default.split(maxsplit=1)[0]}" in str(raised.value)


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:///jobs.db?synchronous=${TOKEN}",
        "sqlite:///jobs.db?${TOKEN}=1",
        "sqlite:///jobs.db?${TOKEN}",
        "sqlite:///jobs.db#${TOKEN}",
        "sqlite://me:${TOKEN}@host/jobs.db",
        "sqlite:///jobs.db?synchronous=hunter2secret",
        "sqlite:////?adopt=${TOKEN}",
        "memory://me:${TOKEN}@host",
        "memory://host?x=${TOKEN}",
        "coral://me:${TOKEN}@host",
    ],
)
@pytest.mark.parametrize("key", ["backend", "store"])
def test_url_that_is_refused_shows_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str, url: str
) -> None:
    backend = "" if key == "backend" else 'backend = "memory://"\n'
    app = made(tmp_path, monkeypatch, f'{backend}{key} = "{url}"', TOKEN)

    with pytest.raises(AnyjobError) as raised:
        app.open()

    assert TOKEN not in "".join(traceback.format_exception(raised.value))
    assert TOKEN not in repr(app.config) + repr(app)


def test_repr_shows_no_default_from_a_reference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = 'backend = "memory://"\n[defaults]\nheaders = { auth = "${TOKEN}" }'
    app = made(tmp_path, monkeypatch, file, "k3y")

    task = app.tasks.get("print_it")

    assert task.options.headers == {"auth": "k3y"}
    for shown in map(repr, (app, app.config, task, task.options, task.using(priority=1))):
        assert "k3y" not in shown
