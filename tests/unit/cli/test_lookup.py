"""Which application a verb works on."""

import shlex
from pathlib import Path

import pytest

from anyjob.cli.lookup import Where, find_app
from anyjob.cli.session import Session
from tests.unit.cli.conftest import Cli, Shop


@pytest.mark.parametrize("spec", ["shop:jobs", "shop:make()", "shop", "outer:Namespace.jobs"])
def test_app_is_found_as_attribute_factory_or_single_app(shop: Shop, spec: str) -> None:
    (Path.cwd() / "outer.py").write_text("import shop\nclass Namespace: jobs = shop.jobs")

    assert find_app(spec).config.backend.reveal() == shop.url


@pytest.mark.parametrize(
    ("spec", "problem", "advice"),
    [
        ("nope:jobs", "there is no module 'nope' on the path", "run this in the folder that has"),
        ("shop:jbs", "'shop' has no 'jbs'", "its apps: jobs, other"),
        ("shop:number", "expected 'shop:number' to be an App, got int", "its apps: jobs, other"),
        ("shop:number()", "'shop:number()' cannot be called: it is int", "leave out the ()"),
        ("shop.py:jobs", "'shop.py:jobs' is not written as module:attribute", "shop.jobs:app"),
        ("./shop:jobs", "is not written as module:attribute", "write it as Python imports it"),
        (":jobs", "is not written as module:attribute", "write it as Python imports it"),
        ("empty", "'empty' has no App", "name a module and attribute that has one"),
        ("empty:x", "'empty' has no 'x'", "name an attribute that is an App"),
        ("two", "'two' has several apps: a and b", "name one as two:a"),
        (
            "broken",
            "ModuleNotFoundError: No module named 'a_missing_one' (broken.py, line 2)",
            "-v",
        ),
        ("wrong", "ZeroDivisionError: division by zero (wrong.py, line 2)", "-v shows"),
        ("leaves", "SystemExit: 3 (leaves.py, line 1)", "-v shows"),
        ("syntax", "SyntaxError: invalid syntax (syntax.py, line 1)", "-v shows"),
        ("fails:make()", "KeyError: 'x' (fails.py, line 2)", "-v shows"),
    ],
)
def test_app_that_cannot_be_loaded_is_one_line_and_exit_code_4(
    shop: Shop, cli: Cli, spec: str, problem: str, advice: str
) -> None:
    modules = {
        "empty": "",
        "two": "from anyjob import App\na = App('memory://')\nb = App('memory://')",
        "broken": "x = 1\nimport a_missing_one",
        "wrong": "x = 1\nx / 0",
        "leaves": "raise SystemExit(3)",
        "syntax": "x = = 1",
        "fails": "def make():\n    return {}['x']",
    }
    for name, text in modules.items():
        (Path.cwd() / f"{name}.py").write_text(text)

    ran = cli("tasks", "ls", "--app", spec)

    assert ran.code == 4
    assert ran.out == ""
    asked, error, to_do = ran.err.splitlines()
    assert asked == f"asked: anyjob tasks ls --app {shlex.quote(spec)}"
    assert problem in error
    assert advice in to_do


def test_app_with_a_wrong_setting_is_exit_code_4_with_a_suggestion(
    cli: Cli, tmp_path: Path
) -> None:
    (tmp_path / "odd.py").write_text("from anyjob import App\njobs = App('memory://', leese=3)")

    ran = cli("queues", "ls", "--app", "odd:jobs")

    assert ran.code == 4
    assert "error: no key 'leese'\nto do: did you mean 'lease'?" in ran.err


def test_verbose_shows_the_traceback(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "wrong.py").write_text("1 / 0")

    ran = cli("tasks", "ls", "--app", "wrong", "-v")

    assert ran.code == 4
    assert "Traceback" in ran.err
    assert "ZeroDivisionError" in ran.err


def test_app_is_named_by_the_environment(
    shop: Shop, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANYJOB_APP", "shop:jobs")

    ran = cli("tasks", "ls")

    assert [row[0] for row in ran.rows] == ["rates", "send"]


def test_backend_on_the_command_line_goes_before_an_app_of_the_environment(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANYJOB_APP", "shop:jobs")

    app = Where(Session(), backend="memory://elsewhere").found()

    assert app.config.backend.reveal() == "memory://elsewhere"


def test_backend_comes_from_the_configuration_without_any_option(
    shop: Shop, cli: Cli, tmp_path: Path
) -> None:
    (tmp_path / "anyjob.toml").write_text(f'[profiles.prod]\nbackend = "{shop.url}"')

    ran = cli("queues", "ls", "--profile", "prod")

    assert (ran.code, len(ran.rows)) == (0, 2)


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["tasks", "ls"], "this verb needs the application's tasks"),
        (["tasks", "ls", "-b", "memory://"], "No such option '-b'"),
        (["queues", "ls", "--app", "shop:jobs", "-b", "memory://"], "--app has its own backend"),
        (["queues", "ls", "--store", "memory://"], "--store belongs to a backend"),
    ],
)
def test_contradicting_or_missing_options_are_exit_code_2(
    cli: Cli, words: list[str], problem: str
) -> None:
    ran = cli(*words)

    assert ran.code == 2
    assert problem in ran.err


def test_no_backend_at_all_is_exit_code_4(cli: Cli) -> None:
    ran = cli("queues", "ls")

    assert ran.code == 4
    assert "error: no backend is configured\nto do: pass App(" in ran.err
