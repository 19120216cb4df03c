"""Where each value of the configuration comes from, and what it has to be."""

import traceback
from pathlib import Path
from typing import Any

import pytest

from anyjob.config import BackendURL, Config, load
from anyjob.core.errors import ConfigurationError
from anyjob.core.retry import Retry


def write(folder: Path, text: str, name: str = "anyjob.toml") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    return folder / name


def test_url_alone_gives_every_default(tmp_path: Path) -> None:
    config = load(url="memory://", environ={}, folder=tmp_path)

    assert config.backend == BackendURL("memory://")
    assert config.store is None
    assert (config.namespace, config.queues, config.defaults) == ("anyjob", (), {})
    assert (config.lease, config.max_redeliveries, config.unknown_task_grace) == (30, 5, 3600)
    assert config.max_payload == config.max_result == 1024 * 1024
    assert (config.worker.concurrency, config.worker.grace, config.worker.cancel_grace) == (
        32,
        25,
        5,
    )
    assert (config.worker.log_level, config.worker.log_format) == ("info", "text")
    assert (config.failpoint, config.profile, config.file) == ("", "", "")
    assert config.origins["backend"] == "argument"
    assert config.origins["worker.grace"] == "default"


def test_no_backend_anywhere_is_an_error_that_says_where_to_put_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no backend is configured; pass App"):
        load(environ={}, folder=tmp_path)


def test_nearer_sources_win(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        """
        backend = "sqlite:///file.db"
        lease = 1
        max_payload = 1
        namespace = "file"
        [profiles.prod]
        lease = 2
        max_payload = 2
        namespace = "profile"
        """,
    )
    environ = {"ANYJOB_PROFILE": "prod", "ANYJOB_LEASE": "3", "ANYJOB_MAX_PAYLOAD": "3"}

    config = load(lease=4, environ=environ, folder=tmp_path)

    assert config.backend == BackendURL("sqlite:///file.db")
    assert config.namespace == "profile"
    assert config.max_payload == 3
    assert config.lease == 4
    assert config.profile == "prod"
    assert config.file == str(file)
    assert {
        key: config.origins[key] for key in ("backend", "namespace", "max_payload", "lease")
    } == {
        "backend": f"{file}: backend",
        "namespace": f"{file}: profiles.prod.namespace",
        "max_payload": "ANYJOB_MAX_PAYLOAD",
        "lease": "argument",
    }


def test_tables_are_merged_key_by_key(tmp_path: Path) -> None:
    write(
        tmp_path,
        """
        [defaults]
        priority = 1
        timeout = 10
        [worker]
        concurrency = 2
        grace = 3
        [profiles.prod.worker]
        grace = 4
        """,
    )
    environ = {"ANYJOB_DEFAULTS": '{"priority": 2}', "ANYJOB_WORKER_LOG_LEVEL": "WARNING"}

    config = load(
        url="memory://", environ=environ, folder=tmp_path, profile="prod", defaults={"keep": 60}
    )

    assert config.defaults == {"priority": 2, "timeout": 10, "keep": 60}
    assert config.worker.concurrency == 2
    assert config.worker.grace == 4
    assert config.worker.log_level == "warning"
    assert config.origins["defaults.priority"] == "ANYJOB_DEFAULTS"


def test_every_key_is_read_from_the_environment(tmp_path: Path) -> None:
    environ = {
        "ANYJOB_BACKEND": "sqlite:///a.db",
        "ANYJOB_STORE": "memory://",
        "ANYJOB_NAMESPACE": "shop",
        "ANYJOB_QUEUES": "mail, reports,mail",
        "ANYJOB_LEASE": "2.5",
        "ANYJOB_MAX_REDELIVERIES": "3",
        "ANYJOB_UNKNOWN_TASK_GRACE": "0",
        "ANYJOB_MAX_PAYLOAD": "1000",
        "ANYJOB_MAX_RESULT": "2000",
        "ANYJOB_WORKER_CONCURRENCY": "7",
        "ANYJOB_WORKER_GRACE": "1",
        "ANYJOB_WORKER_CANCEL_GRACE": "2",
        "ANYJOB_WORKER_LOG_LEVEL": "debug",
        "ANYJOB_WORKER_LOG_FORMAT": "json",
        "ANYJOB_WORKER_QUEUES": "mail",
        "ANYJOB_ALLOW_LONG_JOBS": "True",
        "ANYJOB_FAILPOINT": "worker.run.before:raise",
        "ANYJOB_APP": "shop:jobs",
    }

    config = load(environ=environ, folder=tmp_path)

    assert config.backend == BackendURL("sqlite:///a.db")
    assert config.store == BackendURL("memory://")
    assert config.namespace == "shop"
    assert config.queues == ("mail", "reports")
    assert (config.lease, config.max_redeliveries, config.unknown_task_grace) == (2.5, 3, 0)
    assert (config.max_payload, config.max_result) == (1000, 2000)
    assert config.allow_long_jobs is True
    assert (config.worker.concurrency, config.worker.grace, config.worker.cancel_grace) == (7, 1, 2)
    assert (config.worker.log_level, config.worker.log_format) == ("debug", "json")
    assert config.worker.queues == ("mail",)
    assert config.failpoint == "worker.run.before:raise"


def test_real_environment_and_current_folder_are_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "lease = 7")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ANYJOB_BACKEND", "memory://")

    config = load()

    assert (config.backend, config.lease) == (BackendURL("memory://"), 7)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('bakend = "memory://"', r"no key 'bakend' in .*anyjob.toml; did you mean 'backend'\?"),
        ("[worker]\nconcurency = 1", r"no key 'worker.concurency' in .*'worker.concurrency'\?"),
        ("[profiles.other]\nleas = 1", r"no key 'profiles.other.leas' in .*'lease'\?"),
        ("worker = 3", r"expected worker \(.*anyjob.toml: worker\) to be a table, got 3"),
        ('lease = "long"', r"expected lease \(.*: lease\) to be seconds, 1 or more, got 'long'"),
        ("lease = 0", "to be seconds, 1 or more, got 0"),
        ("lease = inf", "to be seconds, 1 or more, got inf"),
        ("lease = true", "to be seconds, 1 or more, got True"),
        ("[worker]\ngrace = -1", "to be seconds, 0 or more, got -1"),
        ("max_payload = 0", "to be a whole number, 1 or more, got 0"),
        ("max_payload = 1.5", "to be a whole number, 1 or more, got 1.5"),
        ('namespace = "a b"', "to be 1 to 80 letters, digits, .*, got 'a b'"),
        ('queues = "mail"', "to be a list of queue names, got 'mail'"),
        ('queues = ["a b"]', "to be 1 to 80 letters, .*, got"),
        ("allow_long_jobs = 1", "to be true or false, got 1"),
        ('[worker]\nlog_format = "xml"', "to be one of 'text', 'json', got 'xml'"),
        ('store = "jobs.db"', "to be a URL such as 'sqlite:///jobs.db', got 'jobs.db'"),
        ("[defaults]\nretry = 3", "to be a table of max_attempts, .*, got 3"),
        (
            "[defaults.retry]\nattempts = 3",
            "to be a table of max_attempts, .*, got {'attempts': 3}",
        ),
        (
            "[defaults.retry]\nmax_attempts = 0",
            "a retry policy .expected max_attempts .*, got {'max_attempts': 0}",
        ),
        ("profiles = 3", "expected profiles in .* to be a table of tables, got 3"),
        ("lease = ", "anyjob.toml is not TOML: .*; correct it"),
    ],
)
def test_wrong_file_is_an_error_that_names_key_and_place(
    tmp_path: Path, text: str, message: str
) -> None:
    write(tmp_path, text)

    with pytest.raises(ConfigurationError, match=message):
        load(url="memory://", environ={}, folder=tmp_path)


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("ANYJOB_BAKEND", "x", r"set by the environment's ANYJOB_BAKEND; did you mean 'ANYJOB_BAC"),
        ("ANYJOB_LEASE", "soon", r"expected lease \(ANYJOB_LEASE\) to be seconds, .*, got 'soon'"),
        ("ANYJOB_LEASE", "nan", "to be seconds, 1 or more, got 'nan'"),
        ("ANYJOB_WORKER_CONCURRENCY", "1.5", "to be a whole number, 1 or more, got '1.5'"),
        ("ANYJOB_DEFAULTS", "[]", "expected ANYJOB_DEFAULTS to be a JSON object of options"),
        ("ANYJOB_PROFILE", "prod", "no profile 'prod' in any configuration file"),
    ],
)
def test_wrong_variable_is_an_error_that_names_it(
    tmp_path: Path, variable: str, value: str, message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        load(url="memory://", environ={variable: value}, folder=tmp_path)


def test_variables_that_kubernetes_sets_for_a_service_are_left_alone(tmp_path: Path) -> None:
    links = [
        "ANYJOB_SERVICE_HOST",
        "ANYJOB_SERVICE_PORT",
        "ANYJOB_SERVICE_PORT_HTTP",
        "ANYJOB_PORT",
        "ANYJOB_PORT_9100_TCP",
        "ANYJOB_WORKER_PORT_9100_TCP_ADDR",
    ]

    config = load(url="memory://", environ=dict.fromkeys(links, "tcp://10.0.0.1"), folder=tmp_path)

    assert config.namespace == "anyjob"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"leese": 3}, r"no key 'leese'; did you mean 'lease'\?"),
        ({"lease": "3"}, "expected lease to be seconds, 1 or more, got '3'"),
        ({"worker": {"slots": 3}}, "no key 'worker.slots'"),
        ({"store": "x"}, "expected store to be a URL such as"),
    ],
)
def test_wrong_argument_is_an_error(
    tmp_path: Path, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        load(url="memory://", environ={}, folder=tmp_path, **arguments)


def test_retry_table_becomes_a_policy(tmp_path: Path) -> None:
    write(tmp_path, "[defaults.retry]\nmax_attempts = 3\nbackoff = 'fixed'")

    config = load(url="memory://", environ={}, folder=tmp_path)

    assert config.defaults["retry"] == Retry(max_attempts=3, backoff="fixed")


def test_retry_object_is_taken_as_it_is(tmp_path: Path) -> None:
    retry = Retry(on=(KeyError,))

    config = load(
        url=BackendURL("memory://"), environ={}, folder=tmp_path, defaults={"retry": retry}
    )

    assert config.defaults["retry"] is retry


def test_config_is_frozen(tmp_path: Path) -> None:
    config = load(url="memory://", environ={}, folder=tmp_path)

    with pytest.raises(AttributeError, match="immutable"):
        config.lease = 3  # type: ignore[misc]


def test_config_shows_no_secret(tmp_path: Path) -> None:
    environ = {"PW": "hunter2", "TOKEN": "t0ken-t0ken", "NS": "shop"}

    config = load(
        url="redis://u:${PW}@h/0?key=k3y-k3y",
        namespace="${NS}",
        defaults={"headers": {"authorization": "${TOKEN}"}},
        environ=environ,
        folder=tmp_path,
    )

    assert isinstance(config, Config)
    assert config.defaults["headers"] == {"authorization": "t0ken-t0ken"}
    for shown in (repr(config), str(config), f"{config}"):
        assert "namespace='shop'" in shown
        assert not any(secret in shown for secret in ("hunter2", "t0ken", "k3y"))
    assert config.redact("auth hunter2 k3y-k3y failed") == "auth *** *** failed"


def test_wrong_value_from_a_secret_is_not_shown(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"expected lease .*, got '\*\*\*'") as raised:
        load(url="memory://", lease="${PW}", environ={"PW": "hunter2"}, folder=tmp_path)

    assert raised.value.__cause__ is None


@pytest.mark.parametrize(
    "text",
    [
        'namespace = "${TOKEN}!"',
        'queues = ["${TOKEN}!"]',
        '[defaults.retry]\nbackoff = "${TOKEN}"',
        '[defaults.retry]\ninitial = "${TOKEN}"',
        'store = "${TOKEN}"',
        'store = "x://u:${TOKEN"',
        'namespace = "x://u:hunter2secret@h"',
        'store = { url = "x://u:hunter2secret@h" }',
        'profiles = "x://u:hunter2secret@h"',
    ],
)
def test_error_of_a_reader_shows_no_secret(tmp_path: Path, text: str) -> None:
    write(tmp_path, text.replace('${TOKEN"', '${TOKEN:hunter2secret@h"'))

    environ = {"TOKEN": "hunter2secret"}

    with pytest.raises(ConfigurationError) as raised:
        load(url="memory://", environ=environ, folder=tmp_path)

    assert "hunter2secret" not in "".join(traceback.format_exception(raised.value))


def test_default_from_a_reference_is_not_shown_however_short(tmp_path: Path) -> None:
    config = load(
        url="memory://",
        defaults={"headers": {"pin": "${PIN}"}, "priority": 3},
        environ={"PIN": "42"},
        folder=tmp_path,
    )

    assert "defaults={'headers': '***', 'priority': 3}" in repr(config)
    assert config.referenced == {"defaults.headers"}


def test_part_of_a_url_is_hunted_for_where_it_is_secret(tmp_path: Path) -> None:
    environ = {"DATA": "/srv/data", "SYNC": "hunter", "NAME": "hunter2secret"}
    url = "sqlite:///${DATA}/jobs.db?synchronous=${SYNC}&${NAME}"

    config = load(url=url, environ=environ, folder=tmp_path)

    assert config.redact("/srv/data hunter hunter2secret") == "/srv/data *** ***"


def test_names_from_a_reference_are_not_hunted_for(tmp_path: Path) -> None:
    config = load(
        url="memory://",
        namespace="${NAME}",
        queues=["${NAME}"],
        defaults={"queue": "${NAME}"},
        environ={"NAME": "mail"},
        folder=tmp_path,
    )

    assert config.redact("mail") == "mail"
