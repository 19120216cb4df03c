"""Several named backends: what is read, and what is refused before any effect."""

from pathlib import Path
from typing import Any

import pytest

from anyjob.config import Config, load
from anyjob.core.errors import ConfigurationError

FILE = """
backend = "sqlite:///jobs.db"
namespace = "shop"

[backends]
fast = "redis://user:correct-horse@cache/0"

[backends.sure]
url = "amqp://broker"
store = "redis://state:6379"
namespace = "sure"

[queues.mail]
backend = "fast"

[queues.invoices]
backend = "sure"

[queues.reports]

[profiles.test.backends]
fast = "memory://"
"""


def read(folder: Path, text: str = FILE, **more: Any) -> Config:
    (folder / "anyjob.toml").write_text(text)
    return load(folder=folder, environ={}, **more)


def test_file_names_backends_and_routes(tmp_path: Path) -> None:
    config = read(tmp_path)

    assert {name: (str(b.url), b.namespace) for name, b in config.backends.items()} == {
        "default": ("sqlite:///jobs.db", "shop"),
        "fast": ("redis://user:***@cache/0", "shop"),
        "sure": ("amqp://broker", "sure"),
    }
    assert str(config.backends["sure"].store) == "redis://state:6379"
    assert config.queues == ("mail", "invoices", "reports")
    queues = ("mail", "invoices", "reports", "elsewhere")
    assert [config.route_of(queue) for queue in queues] == ["fast", "sure", "default", "default"]
    assert config.origins["backends.fast"].endswith("anyjob.toml: backends.fast")


def test_pyproject_has_the_same_tables(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[tool.anyjob.backends]\none = "memory://"\n[tool.anyjob.queues.mail]\nbackend = "one"\n'
    )

    config = load(folder=tmp_path, environ={})

    assert config.route_of("mail") == "one"
    assert config.route_of("other") is None


def test_profile_replaces_one_backend(tmp_path: Path) -> None:
    config = read(tmp_path, profile="test")

    assert str(config.backends["fast"].url) == "memory://"
    assert str(config.backends["sure"].url) == "amqp://broker"


def test_environment_and_arguments_go_before_the_file(tmp_path: Path) -> None:
    (tmp_path / "anyjob.toml").write_text(FILE)
    environ = {
        "ANYJOB_BACKENDS": '{"fast": "redis://elsewhere"}',
        "ANYJOB_QUEUES": '{"reports": {"backend": "fast"}}',
    }

    config = load(
        folder=tmp_path, environ=environ, backends={"sure": {"url": "sqs://eu-central-1"}}
    )

    assert str(config.backends["fast"].url) == "redis://elsewhere"
    assert str(config.backends["sure"].url) == "sqs://eu-central-1"
    assert config.route_of("reports") == "fast"


def test_list_of_queues_stands_beside_routes(tmp_path: Path) -> None:
    config = load(
        url="memory://",
        backends={"fast": "redis://cache"},
        queues={"mail": {"backend": "fast"}},
        folder=tmp_path,
        environ={"ANYJOB_QUEUES": "a, b"},
    )

    assert config.queues == ("a", "b", "mail")


def test_reference_in_a_table_is_hidden(tmp_path: Path) -> None:
    text = '[backends]\nfast = {url = "redis://:${PW}@cache"}\n[queues.mail]\nbackend = "fast"\n'
    (tmp_path / "anyjob.toml").write_text(text)
    config = load(folder=tmp_path, environ={"PW": "correct-horse"})

    assert config.backends["fast"].url.reveal() == "redis://:correct-horse@cache"
    assert "correct-horse" not in repr(config)
    assert config.redact("it was correct-horse") == "it was ***"


MAIL = {"mail": {"backend": "fast"}}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"url": "memory://", "backends": {"default": "memory://x"}},
            "two backends are named 'default': backend = ... and backends.default; keep one",
        ),
        (
            {"backends": {"fast": "memory://"}, "queues": {"mail": {"backend": "fats"}}},
            "queue 'mail' is routed to backend 'fats', which nobody named; did you mean 'fast'",
        ),
        (
            {"url": "memory://", "queues": MAIL},
            "queue 'mail' is routed to backend 'fast', which nobody named",
        ),
        (
            {"backends": {"fast": "memory://"}, "queues": MAIL | {"bulk": {}}},
            "queue 'bulk' is routed to no backend; add queues.bulk.backend = one of fast",
        ),
        (
            {"backends": {"fast": "memory://", "idle": "memory://x"}, "queues": MAIL},
            "no queue uses backend 'idle'; route one to it",
        ),
        (
            {"backends": {"fast": {"url": "redis://:correct-horse@h", "stor": "x"}}},
            "expected backends.fast to be a table of url, store, namespace and nothing else",
        ),
        ({"backends": {"fast": {"store": "memory://"}}}, "a table with url = ..."),
        ({"backends": {"fast": 5}}, "expected backends.fast to be a URL, or a table"),
        ({"backends": {"fast": "correct-horse@h"}}, "expected backends.fast to be a URL"),
        ({"backends": ["memory://"]}, "expected backends to be a table"),
        ({"backends": {"a b": "memory://"}, "queues": {}}, "the name of a backend to be 1 to 80"),
        (
            {"url": "memory://", "queues": {"mail": "fast"}},
            "expected queues.mail to be a table of backend",
        ),
        (
            {"url": "memory://", "queues": {"mail": {"backnd": "x"}}},
            "expected queues.mail to be a table of backend",
        ),
        ({"url": "memory://", "queues": {"a b": {}}}, "the name of a queue to be 1 to 80"),
        (
            {"backends": {"fast": "memory://"}, "queues": MAIL, "store": "memory://s"},
            "store = ... belongs to backend = ..., which is not given",
        ),
        (
            {"url": "memory://", "backends": {"fast": "memory://"}, "queues": MAIL},
            "backends 'default' and 'fast' have the same URL",
        ),
        (
            {
                "url": "amqp://a",
                "store": "redis://s",
                "backends": {"fast": {"url": "amqp://b", "store": "redis://s"}},
                "queues": MAIL,
            },
            "backends 'default' and 'fast' have the same store",
        ),
    ],
)
def test_bad_input_is_refused_and_names_the_fix(
    tmp_path: Path, given: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(folder=tmp_path, environ={}, **given)

    assert said in str(caught.value)
    assert "correct-horse" not in str(caught.value)


def test_two_of_one_name_in_a_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"is not TOML: .*; correct it"):
        read(tmp_path, '[backends]\nfast = "memory://"\nfast = "memory://x"\n')


def test_two_of_one_name_in_a_variable_are_refused(tmp_path: Path) -> None:
    twice = '{"fast": "memory://", "fast": "memory://x"}'

    with pytest.raises(ConfigurationError, match="ANYJOB_BACKENDS has 'fast' twice; keep one"):
        load(folder=tmp_path, environ={"ANYJOB_BACKENDS": twice})


def test_same_url_with_another_namespace_is_another_place(tmp_path: Path) -> None:
    config = load(
        folder=tmp_path,
        environ={},
        url="redis://h",
        backends={"fast": {"url": "redis://h", "namespace": "fast"}},
        queues=MAIL,
    )

    assert config.backends["fast"].namespace == "fast"


def test_variable_that_is_no_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="expected ANYJOB_BACKENDS to be a JSON object"):
        load(folder=tmp_path, environ={"ANYJOB_BACKENDS": "memory://"})
