"""A worker that cannot start says why in one line and leaves nothing behind."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from tests.acceptance.conftest import ANYJOB, Site

CONFIGURATION, UNREACHABLE, USAGE = 4, 3, 2

MODULES = {
    "good": "from anyjob import App\njobs = App()\n@jobs.task\ndef work() -> None: ...\n",
    "raises": "raise RuntimeError('the licence server does not answer')\n",
    "exits": "import sys\nsys.exit('no licence')\n",
    "misspelt": "from anyjob import App\njobs = App(\n",
    "lacking": "import no_such_library\n",
    "empty": "from anyjob import App\n",
    "several": "from anyjob import App\na = App('memory://a')\nb = App('memory://b')\n",
    "twice": (
        "from anyjob import App\njobs = App()\n"
        "@jobs.task(name='send')\ndef one() -> None: ...\n"
        "@jobs.task(name='send')\ndef two() -> None: ...\n"
    ),
    "option": (
        "from anyjob import App\njobs = App()\n@jobs.task(prioritty=3)\ndef a() -> None: ...\n"
    ),
    "hint": "from anyjob import App\njobs = App()\n@jobs.task\ndef a(x: 'Nowhere') -> None: ...\n",
}


@pytest.mark.parametrize(
    ("app", "variables", "code", "said"),
    [
        ("raises:jobs", {}, CONFIGURATION, "the licence server does not answer"),
        ("exits:jobs", {}, CONFIGURATION, "no licence"),
        ("misspelt:jobs", {}, CONFIGURATION, "misspelt.py"),
        ("lacking:jobs", {}, CONFIGURATION, "no_such_library"),
        ("nowhere:jobs", {}, CONFIGURATION, "no module 'nowhere'"),
        ("good:job", {}, CONFIGURATION, "no 'job'"),
        ("empty", {}, CONFIGURATION, "no App"),
        ("several", {}, CONFIGURATION, "several apps"),
        ("twice:jobs", {}, CONFIGURATION, "two tasks are named 'send'"),
        ("option:jobs", {}, CONFIGURATION, "prioritty"),
        ("good.py", {}, CONFIGURATION, "module:attribute"),
        ("good:jobs", {"ANYJOB_LEESE": "3"}, CONFIGURATION, "ANYJOB_LEESE"),
        ("good:jobs", {"ANYJOB_LEASE": "soon"}, CONFIGURATION, "'soon'"),
        ("good:jobs", {"ANYJOB_WORKER_CONCURRENCY": "0"}, CONFIGURATION, "0"),
        ("good:jobs", {"ANYJOB_BACKEND": "sqlit:///jobs.db"}, CONFIGURATION, "sqlite"),
        ("good:jobs", {"ANYJOB_BACKEND": "sqlite:///jobs.db?sync=1"}, CONFIGURATION, "sync"),
        ("good:jobs", {"ANYJOB_BACKEND": "memory://"}, CONFIGURATION, "memory://"),
        ("good:jobs", {"ANYJOB_FAILPOINT": "worker.nowhere:kill"}, CONFIGURATION, "nowhere"),
    ],
)
def test_worker_that_cannot_start_says_why_and_makes_nothing(
    site: Site, app: str, variables: dict[str, str], code: int, said: str
) -> None:
    for name, text in MODULES.items():
        (site.folder / f"{name}.py").write_text(text)
    before = {path.name for path in site.folder.iterdir()}

    worker = site.start([ANYJOB, "worker", app], **variables)

    assert worker.wait(timeout=20) == code, site.log_of(worker)
    told = site.log_of(worker)
    assert said in told
    assert [line.split(":")[0] for line in told.splitlines()] == ["asked", "error", "to do"], told
    made = {path.name for path in site.folder.iterdir()} - before - {"__pycache__"}
    assert made == {"log-0.txt"}


def test_type_hint_that_cannot_be_resolved_stops_the_worker_before_its_first_job(
    site: Site,
) -> None:
    (site.folder / "hint.py").write_text(MODULES["hint"])

    worker = site.start([ANYJOB, "worker", "hint:jobs"])

    assert worker.wait(timeout=20) == CONFIGURATION
    assert len(site.log_of(worker).splitlines()) == 3
    assert "'Nowhere' is not defined" in site.log_of(worker)


def test_two_configuration_files_are_one_error(site: Site) -> None:
    (site.folder / "good.py").write_text(MODULES["good"])
    (site.folder / "anyjob.toml").write_text('backend = "sqlite:///a.db"\n')
    (site.folder / "pyproject.toml").write_text('[tool.anyjob]\nbackend = "sqlite:///b.db"\n')

    worker = site.start([ANYJOB, "worker", "good:jobs"])

    assert worker.wait(timeout=20) == CONFIGURATION, site.log_of(worker)
    assert "anyjob.toml" in site.log_of(worker)
    assert "pyproject.toml" in site.log_of(worker)


def test_option_out_of_range_is_a_usage_error(site: Site) -> None:
    worker = site.worker("-c", "0")

    assert worker.wait(timeout=20) == USAGE, site.log_of(worker)


@pytest.mark.parametrize("kind", ["damaged", "foreign", "newer"])
def test_file_that_is_no_database_of_ours_stays_as_it_is(site: Site, kind: str) -> None:
    path = site.folder / "jobs.db"
    spoil(path, kind)
    before = path.read_bytes()

    worker = site.worker()

    assert worker.wait(timeout=20) in {UNREACHABLE, CONFIGURATION}, site.log_of(worker)
    assert "Traceback" not in site.log_of(worker)
    assert len(site.log_of(worker).splitlines()) == 3
    assert path.read_bytes() == before


def spoil(path: Path, kind: str) -> None:
    if kind == "damaged":
        path.write_bytes(b"no database at all " * 1000)
        return
    database = sqlite3.connect(path)
    if kind == "foreign":
        database.execute("CREATE TABLE customers (name TEXT)")
    else:
        database.close()
        own = Site(path.parent)
        own.enqueue("work")
        own.close()
        database = sqlite3.connect(path)
        database.execute("UPDATE anyjob_meta SET version = 999")
    database.commit()
    database.close()


def test_folder_that_cannot_be_written_is_told_before_any_effect(site: Site) -> None:
    if os.getuid() == 0:
        # Root writes everywhere but into what the kernel itself keeps.
        locked = Path("/proc")
    else:
        locked = site.folder / "locked"
        locked.mkdir(mode=0o500)

    worker = site.worker(ANYJOB_BACKEND=f"sqlite:///{locked}/jobs.db")

    assert worker.wait(timeout=20) in {UNREACHABLE, CONFIGURATION}, site.log_of(worker)
    assert "Traceback" not in site.log_of(worker)
    assert str(locked) in site.log_of(worker)


def test_second_worker_on_one_file_is_normal_use(site: Site) -> None:
    workers = [site.worker("-c", "1") for _ in range(2)]
    site.enqueue("work", 40, seconds=0.05)

    site.wait(lambda: len(site.diary.by_process()) == 2, "both have worked")
    site.wait(site.settled, "all is done")

    assert [worker.poll() for worker in workers] == [None, None]
    assert len(site.diary.ended()) == 40
