from pathlib import Path

import pytest

from anyjob.backends.sqlite import SQLiteBackend, SQLiteStore
from anyjob.backends.sqlite.url import parse_url
from anyjob.core.errors import ConfigurationError


def test_relative_path_is_taken_from_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert parse_url("sqlite:///jobs.db").path == tmp_path / "jobs.db"
    assert parse_url("sqlite:///sub/../jobs.db").path.name == "jobs.db"


def test_absolute_path_has_four_slashes() -> None:
    assert str(parse_url("sqlite:////srv/app/jobs.db").path) == "/srv/app/jobs.db"


def test_percent_codes_are_characters_of_the_path() -> None:
    assert parse_url("sqlite:////srv/a%20b%3F%23.db").path.name == "a b?#.db"


def test_options_are_read() -> None:
    location = parse_url(
        "sqlite:////srv/jobs.db?synchronous=normal&allow_symlink=true&allow_network=true&adopt=true"
    )

    assert location.synchronous == "normal"
    assert (location.allow_symlink, location.allow_network, location.adopt) == (True, True, True)


def test_defaults_are_the_safe_ones() -> None:
    location = parse_url("sqlite:////srv/jobs.db")

    assert location.synchronous == "full"
    assert (location.allow_symlink, location.allow_network, location.adopt) == (False, False, False)


@pytest.mark.parametrize(
    ("url", "advice"),
    [
        ("sqlite://", "memory://"),
        ("sqlite:///", "memory://"),
        ("sqlite:///:memory:", "memory://"),
        ("sqlite:///folder/", "names no file"),
        ("sqlite://jobs.db", "sqlite:///jobs.db"),
        ("sqlite://host/jobs.db", "names a host"),
        ("sqlite:jobs.db", "sqlite:///jobs.db"),
        ("postgresql:///jobs", "sqlite:///jobs.db"),
        ("sqlite:///jobs.db#part", "%23"),
        ("sqlite:///jobs%00.db", "control character"),
        ("sqlite:///jobs%0a.db", "control character"),
        ("sqlite:///jobs.db?mode=ro", "no option 'mode'"),
        ("sqlite:///jobs.db?vfs=unix-none", "no option 'vfs'"),
        ("sqlite:///jobs.db?immutable=1", "no option 'immutable'"),
        ("sqlite:///jobs.db?synchronus=full", "did you mean 'synchronous'"),
        ("sqlite:///jobs.db?synchronous=off", "full or normal"),
        ("sqlite:///jobs.db?adopt=", "true or false"),
        ("sqlite:///jobs.db?adopt=true&adopt=false", "once"),
    ],
)
def test_url_that_means_nothing_is_refused_with_advice(url: str, advice: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        parse_url(url)

    assert advice in str(refusal.value)


def test_making_a_backend_or_a_store_touches_nothing(tmp_path: Path) -> None:
    SQLiteBackend(f"sqlite:///{tmp_path}/jobs.db")
    SQLiteStore(f"sqlite:///{tmp_path}/jobs.db")

    assert list(tmp_path.iterdir()) == []


def test_names_are_checked_when_it_is_made() -> None:
    with pytest.raises(ConfigurationError, match="a namespace"):
        SQLiteBackend("sqlite:///jobs.db", namespace="no such; name")
    with pytest.raises(ConfigurationError, match="a namespace"):
        SQLiteStore("sqlite:///jobs.db", namespace="")
