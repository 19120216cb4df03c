"""Whoever runs, looks or enqueues is refused alike: three lines, an exit code, no effect."""

from __future__ import annotations

import sqlite3
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest

from anyjob import App
from tests.acceptance.conftest import ANYJOB, PATIENCE, ROOT, Site
from tests.acceptance.mounts import in_namespace

PROGRAM = "tests.acceptance.program:make()"
#: One verb that runs jobs, two that look, one that enqueues.
VERBS = (
    ("worker", PROGRAM),
    ("doctor",),
    ("queues", "ls"),
    ("enqueue", "work", "--app", PROGRAM),
)
#: What a distribution needs to bring a backend whose driver is an extra of it.
DISTRIBUTION = {
    "acme.py": "import acme_driver\n",
    "acme-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n",
    "acme-1.0.dist-info/entry_points.txt": "[anyjob.backends]\nacme = acme:Backend [driver]\n",
}


class Ended(NamedTuple):
    code: int
    out: str
    err: str


def run(site: Site, command: Sequence[str], **variables: str) -> Ended:
    """Run a command to its end, which has to come by itself."""
    done = subprocess.run(
        command,
        cwd=site.folder,
        env=site.environment(**variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def write(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)


def check_is_clear(ended: Ended, code: int, problem: str) -> None:
    """Exactly: what was asked, what stands in the way, what to do."""
    lines = ended.err.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["asked", "error", "to do"], ended.err
    assert problem in lines[1]
    assert len(lines[2]) > len("to do: ")
    assert (ended.code, ended.out) == (code, "")


def traces(folder: Path) -> set[str]:
    """The files of a database and of a run."""
    return {path.name for path in folder.iterdir() if path.name.startswith(("jobs.db", "diary"))}


@pytest.mark.parametrize(
    ("app", "source", "problem"),
    [
        ("nowhere:jobs", "", "there is no module 'nowhere'"),
        ("here:jobs", "import absent_package", "No module named 'absent_package'"),
        ("here:jobs", "x = 1\nx / 0", "ZeroDivisionError: division by zero (here.py, line 2)"),
        ("here:jobs", "jobs = 1", "expected 'here:jobs' to be an App, got int"),
        ("here:make()", "def make(): raise KeyError('x')", "KeyError: 'x'"),
    ],
)
def test_app_that_cannot_be_loaded(site: Site, app: str, source: str, problem: str) -> None:
    write(site.folder, {"here.py": source})

    for verb in (["worker", app], ["doctor", "--app", app]):
        check_is_clear(run(site, [ANYJOB, *verb]), 4, problem)
    assert traces(site.folder) == set()


def test_queue_that_nobody_declared(site: Site) -> None:
    ended = run(site, [ANYJOB, "worker", PROGRAM, "-q", "defualt"])

    check_is_clear(ended, 5, "no queue 'defualt'")
    assert "did you mean 'default'" in ended.err


@pytest.mark.parametrize(
    ("files", "variables", "problem"),
    [
        (
            {"anyjob.toml": "lease = 3", "pyproject.toml": "[tool.anyjob]\nlease = 3"},
            {},
            "has it twice: in anyjob.toml and in [tool.anyjob] of pyproject.toml",
        ),
        ({"anyjob.toml": "leese = 3"}, {}, "no key 'leese'"),
        ({"anyjob.toml": "lease = "}, {}, "is not TOML"),
        ({"anyjob.toml": "worker.grace = 'soon'"}, {}, "expected worker.grace"),
        ({}, {"ANYJOB_LEESE": "3"}, "ANYJOB_LEESE"),
        ({}, {"ANYJOB_LEASE": "-3"}, "expected lease (ANYJOB_LEASE) to be seconds, 1 or more"),
        ({}, {"ANYJOB_WORKER_CONCURRENCY": "0"}, "worker.concurrency"),
        ({}, {"ANYJOB_PROFILE": "prod"}, "no profile 'prod'"),
        ({}, {"ANYJOB_BACKEND": "sqllite:///jobs.db"}, "no backend is known for 'sqllite://'"),
        ({}, {"ANYJOB_BACKEND": "sqlite:///jobs.db?sync=off"}, "no option 'sync'"),
        ({}, {"ANYJOB_BACKEND": "sqlite:///jobs.db?synchronous=off"}, "to be full or normal"),
        ({}, {"ANYJOB_BACKEND": "jobs.db"}, "to be a URL"),
        ({}, {"ANYJOB_BACKEND": "sqlite:///no/where/jobs.db"}, "does not exist"),
    ],
)
def test_wrong_configuration_stops_worker_and_doctor(
    site: Site, files: dict[str, str], variables: dict[str, str], problem: str
) -> None:
    write(site.folder, files)

    for verb in VERBS:
        check_is_clear(run(site, [ANYJOB, *verb], **variables), 4, problem)
    assert traces(site.folder) == set()


@pytest.mark.parametrize(
    ("files", "variables", "problem"),
    [
        (
            {"anyjob.toml": "[defaults]\npriority = 10"},
            {},
            "anyjob.toml: defaults.priority: expected priority to be an int from 0 to 9",
        ),
        (
            {"anyjob.toml": "[profiles.prod.defaults]\ntimeout = 'soon'"},
            {"ANYJOB_PROFILE": "prod"},
            "anyjob.toml: profiles.prod.defaults.timeout: expected timeout to be seconds",
        ),
        ({}, {"ANYJOB_DEFAULTS": '{"keep": -1}'}, "ANYJOB_DEFAULTS: expected keep to be 0 s"),
    ],
)
def test_wrong_default_of_a_task_stops_whoever_needs_it(
    site: Site, files: dict[str, str], variables: dict[str, str], problem: str
) -> None:
    write(site.folder, files)

    for verb in (("worker", PROGRAM), ("enqueue", "work", "--app", PROGRAM)):
        check_is_clear(run(site, [ANYJOB, *verb], **variables), 4, problem)
    for verb in (("tasks", "ls"), ("queues", "ls")):
        ended = run(site, [ANYJOB, *verb, "--app", PROGRAM], **variables)
        check_is_clear(ended, 4, problem)
    assert traces(site.folder) == set()


def test_missing_extra_says_what_to_install(site: Site) -> None:
    write(site.folder, DISTRIBUTION)
    path = f"{site.folder}:{ROOT}"

    for verb in VERBS:
        ended = run(site, [ANYJOB, *verb], ANYJOB_BACKEND="acme://", PYTHONPATH=path)
        check_is_clear(ended, 4, "needs 'acme_driver', which is not installed")
        assert "to do: pip install 'acme[driver]'" in ended.err


def test_secret_of_a_url_is_not_shown(site: Site) -> None:
    ended = run(site, [ANYJOB, "doctor", "-b", "sqllite://me:hunter2@host/jobs"])

    check_is_clear(ended, 4, "no backend is known")
    assert "hunter2" not in ended.err


def be_garbage(path: Path) -> None:
    path.write_bytes(b"not a database, but larger than a page\n" * 200)


def be_short(path: Path) -> None:
    path.write_bytes(b"hello\n")


def be_foreign(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE customers (name)")


def be_newer(path: Path) -> None:
    with App(f"sqlite:///{path}"):
        pass
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE anyjob_meta SET version=99")


def be_damaged(path: Path) -> None:
    with App(f"sqlite:///{path}"):
        pass
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(bytes(8192))


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (be_garbage, "is damaged or no SQLite database"),
        (be_short, "no SQLite database"),
        (be_foreign, "belongs to another application"),
        (be_newer, "was written by a newer release (schema 99"),
        (be_damaged, "is damaged or no SQLite database"),
    ],
)
def test_file_that_cannot_be_used_is_left_as_it_is(
    site: Site, make: Callable[[Path], None], problem: str
) -> None:
    path = site.folder / "jobs.db"
    make(path)
    before = path.read_bytes()

    for verb in VERBS:
        check_is_clear(run(site, [ANYJOB, *verb]), 3, problem)
    assert path.read_bytes() == before


def test_folder_that_cannot_be_written_to(site: Site) -> None:
    folder = site.folder / "read-only"
    folder.mkdir()
    script = 'mount -t tmpfs -o ro tmpfs "$1"; shift; exec "$@"'
    url = f"sqlite:///{folder}/jobs.db"

    for verb in VERBS:
        command = in_namespace(script, folder, ANYJOB, *verb)
        ended = run(site, command, ANYJOB_BACKEND=url)
        check_is_clear(ended, 4, "cannot be written to")


def test_network_file_system(site: Site) -> None:
    table = site.folder / "mounts"
    table.write_text(f"server:/export {site.folder} nfs4 rw 0 0\n")
    # What the kernel would say of such a disk, to this process alone.
    script = 'mount --bind "$1" /proc/$$/mounts; shift; exec "$@"'

    for verb in VERBS:
        ended = run(site, in_namespace(script, table, ANYJOB, *verb))
        check_is_clear(ended, 4, "lies on a network file system (nfs4)")
    assert traces(site.folder) == set()

    ended = run(
        site,
        in_namespace(script, table, ANYJOB, "worker", PROGRAM, "--burst"),
        ANYJOB_BACKEND=f"{site.url}?allow_network=true",
    )
    assert ended.code == 0, ended.err
    assert "nfs4" in ended.err
