"""The built wheel works in an empty environment, with the sources out of reach."""

import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

import anyjob
from tests.wheel.environments import pip

ROOT = Path(__file__).parents[2]

SHOP = """
from anyjob import App

jobs = App("sqlite:///jobs.db")

@jobs.task
def total(prices: list[int], *, shipping: int = 0) -> int:
    return sum(prices) + shipping
"""

ENQUEUE = "import shop; print(shop.total.enqueue([20, 15], shipping=7).id)"
RESULT = "import sys, shop; print(shop.jobs.get(sys.argv[1], queue='default').result(timeout=5))"

Run = Callable[..., str]

# Building, and one download of three dependencies.
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("empty") / "env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    pip("--python", str(folder / "bin" / "python"), "install", str(wheel))
    return folder


@pytest.fixture
def run(environment: Path, tmp_path: Path) -> Run:
    """Runs a program of the environment in an empty folder, with nothing else in sight."""

    def run(program: str, *arguments: str) -> str:
        done = subprocess.run(
            [str(environment / "bin" / program), *arguments],
            cwd=tmp_path,
            env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()

    return run


def test_wheel_holds_the_whole_package_and_nothing_else(wheel: Path) -> None:
    sources = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "anyjob").rglob("*")
        if path.is_file() and path.parent.name != "__pycache__"
    }

    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}

    assert packed == sources
    assert "anyjob/py.typed" in packed


@pytest.mark.parametrize(
    ("extra", "needed"),
    [
        ("kombu", ["kombu"]),
        ("rabbitmq", ["pika"]),
        ("redis", ["hiredis", "redis"]),
        ("sqs", ["boto3"]),
    ],
)
def test_wheel_offers_the_extra_that_the_pages_install(
    wheel: Path, extra: str, needed: list[str]
) -> None:
    with zipfile.ZipFile(wheel) as archive:
        [name] = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        metadata = archive.read(name).decode().splitlines()

    assert f"Provides-Extra: {extra}" in metadata
    needs = [line for line in metadata if line.endswith(f"extra == '{extra}'")]
    assert [line.partition("<")[0] for line in needs] == [
        f"Requires-Dist: {name}" for name in needed
    ]


def test_wheel_imports_from_its_own_environment(run: Run, environment: Path) -> None:
    assert run("python", "-c", "import anyjob; print(anyjob.__file__)").startswith(str(environment))


def test_wheel_prints_its_version(run: Run) -> None:
    assert run("python", "-c", "import anyjob; print(anyjob.__version__)") == anyjob.__version__
    assert anyjob.__version__ in run("anyjob", "version")


def test_wheel_runs_a_job_through_sqlite_and_a_worker_process(run: Run, tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(SHOP)

    job_id = run("python", "-c", ENQUEUE)
    run("anyjob", "worker", "shop:jobs", "--burst")

    assert run("python", "-c", RESULT, job_id) == "42"
