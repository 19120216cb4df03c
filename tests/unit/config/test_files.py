"""Which configuration file is read."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from anyjob.config import load
from anyjob.core.errors import ConfigurationError


def namespace(folder: Path) -> str:
    return load(url="memory://", environ={}, folder=folder).namespace


def test_own_file_is_found_in_a_folder_above(tmp_path: Path) -> None:
    (tmp_path / "anyjob.toml").write_text('namespace = "top"')
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)

    assert namespace(below) == "top"


def test_nearest_folder_wins_whichever_file_it_has(tmp_path: Path) -> None:
    (tmp_path / "anyjob.toml").write_text('namespace = "top"')
    below = tmp_path / "below"
    below.mkdir()
    (below / "pyproject.toml").write_text('[tool.anyjob]\nnamespace = "below"')

    assert namespace(below) == "below"


def test_pyproject_without_our_table_is_passed_by(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.anyjob]\nnamespace = "top"')
    below = tmp_path / "below"
    below.mkdir()
    (below / "pyproject.toml").write_text("[project]\nname = 'x'")

    assert namespace(below) == "top"


def test_profile_of_pyproject_is_chosen_by_name(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.anyjob.profiles.prod]\nnamespace = "prod"')

    config = load(
        url="memory://", environ={"ANYJOB_PROFILE": "prod"}, folder=tmp_path, profile=None
    )

    assert config.namespace == "prod"
    assert config.origins["namespace"].endswith(
        "pyproject.toml: tool.anyjob.profiles.prod.namespace"
    )


def test_unknown_profile_is_an_error_with_a_suggestion(tmp_path: Path) -> None:
    (tmp_path / "anyjob.toml").write_text("[profiles.production]")

    with pytest.raises(ConfigurationError, match=r"no profile 'produktion' in .*'production'\?"):
        load(url="memory://", environ={}, folder=tmp_path, profile="produktion")


def test_both_files_in_one_folder_is_an_error_that_names_both(tmp_path: Path) -> None:
    (tmp_path / "anyjob.toml").write_text("")
    (tmp_path / "pyproject.toml").write_text("[tool.anyjob]")

    with pytest.raises(ConfigurationError, match=r"twice: in anyjob.toml and .* pyproject.toml"):
        namespace(tmp_path)


def test_table_of_ours_that_is_none_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool]\nanyjob = 3")

    with pytest.raises(
        ConfigurationError, match=r"expected tool.anyjob in .* to be a table, got 3"
    ):
        namespace(tmp_path)


def test_file_that_is_no_text_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "anyjob.toml").write_bytes(b"\xff\xfe")

    with pytest.raises(ConfigurationError, match=r"anyjob.toml is not TOML"):
        namespace(tmp_path)


def test_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "anyjob.toml").mkdir()

    with pytest.raises(ConfigurationError, match=r"anyjob.toml cannot be read: Is a directory; "):
        namespace(tmp_path)


def test_removed_current_folder_has_no_file(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    program = (
        f"import os; os.chdir({str(gone)!r}); os.rmdir({str(gone)!r});"
        "from anyjob.config import load; print(load(url='memory://', environ={}).file == '')"
    )

    ended = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        capture_output=True,
        text=True,
        check=True,
    )

    assert ended.stdout == "True\n"
