"""Which class keeps the contract for which URL scheme."""

import subprocess
import sys
from pathlib import Path

import pytest

from anyjob.backends.registry import backend_for, store_for
from anyjob.core.errors import ConfigurationError


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> "Install":
    monkeypatch.syspath_prepend(str(tmp_path))
    return Install(tmp_path)


class Install:
    """Puts distributions with entry points where Python finds them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, name: str, entry_points: str, module: str = "") -> None:
        metadata = self.folder / f"{name.replace('-', '_')}-1.0.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (metadata / "entry_points.txt").write_text(entry_points)
        (self.folder / f"{name.replace('-', '_')}_module.py").write_text(module)


FOREIGN = """
from anyjob.backends.memory import MemoryBackend, MemoryStore
class ForeignBackend(MemoryBackend):
    def __init__(self, url, **rest): super().__init__("memory://", **rest)
class ForeignStore(MemoryStore):
    def __init__(self, url, **rest): super().__init__("memory://", **rest)
"""


@pytest.mark.parametrize(
    ("url", "backend", "store"),
    [
        ("memory://", "MemoryBackend", "MemoryStore"),
        ("SQLITE:///jobs.db", "SQLiteBackend", "SQLiteStore"),
    ],
)
def test_built_in_scheme_gives_an_unopened_object(url: str, backend: str, store: str) -> None:
    assert type(backend_for(url)).__name__ == backend
    assert type(store_for(url, namespace="shop")).__name__ == store


def test_scheme_of_another_distribution_is_found_by_its_entry_point(install: Install) -> None:
    install(
        "acme-one",
        "[anyjob.backends]\nacme = acme_one_module:ForeignBackend\n"
        "[anyjob.stores]\nacme = acme_one_module:ForeignStore\n",
        FOREIGN,
    )

    assert type(backend_for("acme://host")).__name__ == "ForeignBackend"
    assert type(store_for("acme://host")).__name__ == "ForeignStore"


def test_distribution_is_not_looked_at_unless_its_scheme_is_named(install: Install) -> None:
    install(
        "acme-two",
        "[anyjob.backends]\nmemory = acme_two_module:X\nacme = acme_two_module:X\n",
        "raise AssertionError('imported')",
    )

    assert type(backend_for("memory://")).__name__ == "MemoryBackend"


def test_unknown_scheme_is_an_error_with_a_suggestion(install: Install) -> None:
    install("acme-three", "[anyjob.backends]\npostgres = acme_three_module:X\n")

    with pytest.raises(ConfigurationError, match=r"no backend is known for 'sqlit://'; .*'sqlite'"):
        backend_for("sqlit:///jobs.db")
    with pytest.raises(ConfigurationError, match=r"for 'postgre://'; did you mean 'postgres'\?"):
        backend_for("postgre://u:hunter2@h")
    with pytest.raises(
        ConfigurationError, match=r"no store is known for 'x://'; known: memory, redis, "
    ):
        store_for("x://")


def test_url_without_a_scheme_is_an_error_that_does_not_show_it() -> None:
    with pytest.raises(ConfigurationError, match="expected the backend to be a URL") as raised:
        backend_for("u:hunter2@host")

    assert "hunter2" not in str(raised.value)


def test_missing_driver_is_an_error_that_names_what_to_install(install: Install) -> None:
    install(
        "acme-four",
        "[anyjob.backends]\nacme = acme_four_module:Backend [turbo]\n"
        "[anyjob.stores]\nacme = acme_four_module:Store\n",
        "import a_driver_that_is_not_there",
    )

    with pytest.raises(
        ConfigurationError,
        match=r"'acme://' needs 'a_driver_that_is_not_there', .*; pip install 'acme-four\[turbo\]'",
    ):
        backend_for("acme://u:hunter2@h")
    with pytest.raises(ConfigurationError, match=r"; pip install --upgrade 'acme-four'"):
        store_for("acme://h")


@pytest.mark.parametrize(
    ("module", "message"),
    [
        ("", "is not at 'acme_five_module:Backend'"),
        ("Backend = 3", "to be a subclass of Backend, got 3"),
        ("class Backend: pass", "to be a subclass of Backend, got <class"),
    ],
)
def test_entry_point_that_leads_nowhere_is_an_error(
    install: Install, module: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "acme_five_module", raising=False)
    install("acme-five", "[anyjob.backends]\nacme = acme_five_module:Backend\n", module)

    with pytest.raises(ConfigurationError, match=message):
        backend_for("acme://h")


def test_two_distributions_for_one_scheme_is_an_error_that_names_both(install: Install) -> None:
    install("acme-six", "[anyjob.backends]\nacme = acme_six_module:A\n")
    install("acme-seven", "[anyjob.backends]\nacme = acme_seven_module:A\n")

    with pytest.raises(
        ConfigurationError, match=r"two packages .*: acme_seven_module:A and acme_six_module:A; "
    ):
        backend_for("acme://h")


def test_built_in_backend_whose_driver_python_lacks_says_so() -> None:
    program = (
        "import sys; sys.modules['_sqlite3'] = None\n"
        "from anyjob.backends.registry import backend_for\n"
        "try: backend_for('sqlite:///x.db').open()\n"
        "except Exception as e: print(type(e).__name__, e)"
    )

    ended = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(Path(__file__).parents[3])},
        capture_output=True,
        text=True,
        check=True,
    )

    assert ended.stdout.startswith(
        "ConfigurationError the backend for 'sqlite://' needs '_sqlite3'"
    )
