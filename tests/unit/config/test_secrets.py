"""What stands for a secret in a configured text."""

from pathlib import Path

import pytest

from anyjob.config import load
from anyjob.core.errors import ConfigurationError

ENVIRON = {"PW": "hunter2", "SLOTS": "7", "EMPTY": ""}


def backend(folder: Path, url: str) -> str:
    return load(url=url, environ=ENVIRON, folder=folder).backend.reveal()


def test_variable_is_put_in(tmp_path: Path) -> None:
    assert backend(tmp_path, "redis://:${PW}@h/${EMPTY}") == "redis://:hunter2@h/"


def test_escaped_reference_stays(tmp_path: Path) -> None:
    assert backend(tmp_path, "redis://:$${PW}$@h/$x") == "redis://:${PW}$@h/$x"


def test_content_of_a_variable_is_not_expanded_again(tmp_path: Path) -> None:
    config = load(url="a://${A}", environ={"A": "${B}", "B": "x"}, folder=tmp_path)

    assert config.backend.reveal() == "a://${B}"


def test_variable_gives_numbers_and_lists_too(tmp_path: Path) -> None:
    (tmp_path / "anyjob.toml").write_text(
        'queues = ["${PW}", "x"]\n[worker]\nconcurrency = "${SLOTS}"'
    )

    config = load(url="memory://", environ=ENVIRON, folder=tmp_path)

    assert config.worker.concurrency == 7
    assert config.queues == ("hunter2", "x")


def test_unset_variable_is_an_error_that_names_it_and_the_key(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigurationError, match=r"backend \(argument\) takes \$\{NOPE\} .* not set; set NOPE"
    ):
        backend(tmp_path, "redis://:${NOPE}@h")


@pytest.mark.parametrize("url", ["redis://${PW", "redis://${P W}", "redis://${}", "redis://${1}"])
def test_malformed_reference_is_an_error(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"expected backend .* a variable as \$\{NAME\}"):
        backend(tmp_path, url)


@pytest.mark.parametrize("content", ["redis://h", "redis://h\n", "redis://h\r\n"])
def test_file_is_the_whole_value_without_its_last_line_break(tmp_path: Path, content: str) -> None:
    (tmp_path / "url").write_bytes(content.encode())

    assert backend(tmp_path, f"file:{tmp_path}/url") == "redis://h"
    assert backend(tmp_path, f"file://{tmp_path}/url") == "redis://h"


def test_relative_file_begins_beside_the_configuration_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "anyjob.toml").write_text('backend = "file:url"\n[worker]\ngrace = "file:grace"')
    (tmp_path / "url").write_text("redis://:hunter2@h")
    (tmp_path / "grace").write_text("3\n")
    (tmp_path / "below").mkdir()

    config = load(environ={}, folder=tmp_path / "below")

    assert config.backend.reveal() == "redis://:hunter2@h"
    assert config.worker.grace == 3
    assert "hunter2" not in repr(config)


def test_missing_file_is_an_error_that_names_it_and_the_key(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigurationError, match=r"backend .* '/nope' \w+|backend .*/nope"
    ) as raised:
        backend(tmp_path, "file:/nope")

    assert "No such file or directory; make the file, or correct the path" in str(raised.value)


def test_file_that_is_no_text_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "url").write_bytes(b"\xff")

    with pytest.raises(ConfigurationError, match="cannot be read: it is not text"):
        backend(tmp_path, f"file:{tmp_path}/url")
