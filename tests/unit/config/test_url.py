"""What of a URL and a secret is shown."""

import logging
import pickle

import pytest

from anyjob.config import BackendURL, Secret, redact

SHOWN = {
    "sqlite:///jobs.db": "sqlite:///jobs.db",
    "memory://": "memory://",
    "redis://host:6379/0": "redis://host:6379/0",
    "redis://user:hunter2@host:6379/0": "redis://user:***@host:6379/0",
    "redis://:hunter2@host": "redis://:***@host",
    "redis://:hun@ter2@host": "redis://:***@host",
    "postgresql://u:hunter2@h/db?password=hunter2&sslmode=require": (
        "postgresql://u:***@h/db?password=***&sslmode=***"
    ),
    "sqlite:///a@b.db?durability=process": "sqlite:///a@b.db?durability=***",
    "redis://h/0#token=hunter2": "redis://h/0#token=***",
    # Where such a password ends, nobody can tell.
    "redis://:hunter2/x@host": "redis://***",
    "redis://:hunter2?x@host": "redis://***",
    "redis://u:hunter2#x@host": "redis://***",
    "hunter2@host": "***",
    "jobs.db": "jobs.db",
}


@pytest.mark.parametrize(("url", "shown"), SHOWN.items())
def test_url_shows_neither_password_nor_parameter(url: str, shown: str) -> None:
    assert str(BackendURL(url)) == f"{BackendURL(url)}" == shown
    assert repr(BackendURL(url)) == f"BackendURL({shown!r})"


@pytest.mark.parametrize("url", [url for url in SHOWN if "://" in url])
def test_redact_masks_a_url_in_a_text(url: str) -> None:
    text = f"no answer from {url!r}; start it"

    assert redact(text) == f"no answer from {SHOWN[url]!r}; start it"


def test_url_reveals_itself_on_request() -> None:
    url = BackendURL("SQLite:///jobs.db?x=hunter2")

    assert url.reveal() == "SQLite:///jobs.db?x=hunter2"
    assert url.scheme == "sqlite"
    assert BackendURL("jobs.db").scheme == ""


def test_url_knows_its_secrets_as_written_and_decoded() -> None:
    url = BackendURL("redis://u:p%40ss@h/0?token=a+b&empty=")

    assert {secret.reveal() for secret in url.secrets()} == {"p%40ss", "p@ss", "a+b", "a b"}


def test_redact_masks_secrets_that_are_long_enough_to_hunt_for() -> None:
    secrets = [Secret("hunter2"), Secret("hunter2-longer"), Secret("abc")]

    assert redact("abc hunter2-longer hunter2", secrets) == "abc *** ***"


def test_redact_masks_a_secret_that_is_quoted_or_cut() -> None:
    quoted = "it's a \\ secret"
    long = "hunter2" * 30

    shown = redact(f"got {quoted!r} and {long[:90]!r}… for {long}", [Secret(quoted), Secret(long)])

    assert shown == 'got "***" and \'*** for ***'


@pytest.mark.parametrize("value", ["true", "full", "5000", "require"])
def test_parameter_that_is_a_plain_word_or_number_is_masked_in_its_url_alone(value: str) -> None:
    url = BackendURL(f"sqlite:///jobs.db?x={value}")

    assert str(url) == "sqlite:///jobs.db?x=***"
    assert url.secrets() == ()


def test_secret_is_shown_by_nothing(caplog: pytest.LogCaptureFixture) -> None:
    secret = Secret("hunter2")
    with caplog.at_level(logging.INFO):
        logging.getLogger("test").info("%s %r", secret, secret)

    assert f"{secret}{secret!r}{[secret]}" == "***Secret('***')[Secret('***')]"
    assert "hunter2" not in caplog.text


def test_secrets_compare_by_value_and_kind() -> None:
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("memory://") != BackendURL("memory://")
    assert len({Secret("a"), Secret("a")}) == 1
    assert pickle.loads(pickle.dumps(Secret("a"))) == Secret("a")


def test_redact_takes_linear_time() -> None:
    # A regular expression that looks for the scheme takes minutes for this.
    text = "a" * 2_000_000 + "://u:hunter2@h"

    assert redact(text) == "a" * 2_000_000 + "://u:***@h"
