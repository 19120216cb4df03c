"""The demo as a user meets it: run in a process of its own, judged by exit code and files."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from anyjob import App

ROOT = Path(__file__).parents[2]
SHOP = ROOT / "examples" / "shop"
#: What the demo may take after installation.
LIMIT = 60


def shop(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "examples.shop", *map(str, arguments)]
    return subprocess.run(
        command,
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )


def environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "BACKEND"}


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder and the output of one whole run on SQLite."""
    out = tmp_path_factory.mktemp("day") / "out"
    ended = shop("--out", out)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return out, ended.stdout


@pytest.fixture
def copy(day: tuple[Path, str], tmp_path: Path) -> Path:
    """A copy of the folder, to take something away from."""
    return shutil.copytree(day[0], tmp_path / "out")


def test_day_ends_well_and_says_so(day: tuple[Path, str]) -> None:
    out, printed = day

    assert "all is well" in printed
    assert "run twice" in printed
    assert "was killed with" in printed
    assert len(list((out / "invoices").glob("*.pdf"))) == 300


def test_check_agrees_with_the_run_that_left_the_folder(copy: Path) -> None:
    checked = shop("--check", copy)

    assert (checked.returncode, checked.stderr) == (0, "")


@pytest.mark.parametrize(
    "missing",
    ["mail/receipt-S-10042.eml", "invoices/S-10042.pdf", "thumbnails/small/cat.jpg"],
)
def test_check_fails_and_names_what_was_taken_away(copy: Path, missing: str) -> None:
    (copy / missing).unlink()

    checked = shop("--check", copy)

    assert checked.returncode == 1
    assert Path(missing).name in checked.stdout


def test_check_fails_when_premium_orders_waited_longer(copy: Path) -> None:
    journal = copy / "journal.jsonl"
    swapped = (
        journal.read_text()
        .replace('"plan":"premium"', '"plan":"?"')
        .replace('"plan":"free"', '"plan":"premium"')
        .replace('"plan":"?"', '"plan":"free"')
    )
    journal.write_text(swapped)

    checked = shop("--check", copy)

    assert checked.returncode == 1
    assert "premium orders waited" in checked.stdout


def test_shop_on_memory_takes_any_photos_and_says_what_it_cannot_show(tmp_path: Path) -> None:
    photos = tmp_path / "holiday photos"
    photos.mkdir()
    shutil.copy(SHOP / "photos" / "coffee.jpg", photos / "Café crème.jpg")
    out = tmp_path / "out"

    ended = shop("--backend", "memory", "--photos", photos, "--out", out)

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "not on memory" in ended.stdout
    assert (out / "thumbnails" / "large" / "Café crème.jpg").exists()


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        (["--backend", "pigeon"], "'pigeon'"),
        (["--photos", "nowhere"], "nowhere"),
        (["--orders", SHOP / "README.md"], "README.md"),
        (["--out", SHOP], "examples/shop"),
    ],
    ids=lambda value: str(value[0]) if isinstance(value, list) else None,
)
def test_wrong_input_is_refused_before_anything_happens(
    tmp_path: Path, wrong: list[str | Path], named: str
) -> None:
    out = tmp_path / "out"

    ended = shop("--out", out, *wrong)

    assert ended.returncode == 2
    assert named in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not out.exists()


def test_queue_with_other_jobs_is_left_alone(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'jobs.db'}"
    with App(url) as app:

        @app.task(queue="orders")
        def ship(order: str) -> None:
            raise AssertionError(order)

        ship.enqueue("S-1")

        ended = shop("--backend", url, "--out", tmp_path / "out")

        assert ended.returncode == 2
        assert "'orders' holds 1 jobs" in ended.stderr
        assert app.counts("orders").ready == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("_", range(2))
def test_interrupted_shop_leaves_no_process_behind(
    tmp_path: Path, number: signal.Signals, _: int
) -> None:
    # Reminders wait 6 s, so the shop is still open at any of these moments.
    moment = random.uniform(0, 5)
    with open_shop(tmp_path / "out") as demo:
        time.sleep(moment)

        os.killpg(demo.pid, number)

        assert demo.wait(20) == 128 + number, f"{number.name} {moment:.3f} s after the first line"
        assert processes_of_session(demo.pid) == []


@contextmanager
def open_shop(out: Path) -> Iterator[subprocess.Popen[str]]:
    """A demo that has begun, in a session of its own, which workers can't leave unseen."""
    command = [sys.executable, "-m", "examples.shop", "--out", str(out)]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as demo:
        assert demo.stdout is not None
        demo.stdout.readline()
        try:
            yield demo
        finally:
            for pid in processes_of_session(demo.pid):
                os.kill(pid, signal.SIGKILL)


def processes_of_session(session: int) -> list[int]:
    return [pid for pid in all_processes() if session_of(pid) == session]


def all_processes() -> list[int]:
    proc = Path("/proc")
    if (proc / "self").exists():
        return [int(entry.name) for entry in proc.iterdir() if entry.name.isdigit()]
    listed = subprocess.run(["ps", "-A", "-o", "pid="], capture_output=True, text=True, check=True)
    return list(map(int, listed.stdout.split()))


def session_of(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return None
