"""A shop whose jobs the command line works on, in this process."""

import os
import re
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from anyjob import App, Job, JobDead
from anyjob.cli import run
from anyjob.cli.lookup import find_app

MODULE = """
from anyjob import App, Retry

jobs = App({url!r})
other = jobs
number = 3


@jobs.task(queue="mail", timeout=30, aliases=["send_letter"], retry=Retry(max_attempts=3))
def send(to: str, *, copies: int = 1) -> str:
    return f"{{to}} x {{copies}}"


@jobs.task(priority=7)
async def rates(day: int = 1) -> dict[str, float]:
    return {{"eur": 1.5}}


def make() -> App:
    return jobs
"""


class Ran(NamedTuple):
    """What one command came to."""

    code: int
    out: str
    err: str

    @property
    def rows(self) -> list[list[str]]:
        return [line.split("\t") for line in self.out.splitlines()]


Cli = Callable[..., Ran]


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Neither configuration nor colour comes from where the tests are run."""
    for name in list(os.environ):
        if name.startswith("ANYJOB_"):
            monkeypatch.delenv(name)
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ANYJOB_PROFILE", "")
    monkeypatch.chdir(tmp_path)
    path, modules = list(sys.path), set(sys.modules)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if getattr(sys.modules[name], "__file__", None) and str(tmp_path) in str(
            sys.modules[name].__file__
        ):
            del sys.modules[name]


@pytest.fixture
def cli(capfd: pytest.CaptureFixture[str]) -> Cli:
    def call(*words: str) -> Ran:
        capfd.readouterr()
        code = run(words)
        sys.stdout.flush()
        out, err = capfd.readouterr()
        return Ran(code, out, err)

    return call


class Shop:
    """An application in memory, which stays as long as the fixture holds it open."""

    def __init__(self, folder: Path) -> None:
        self.url = f"memory://{uuid.uuid4().hex}"
        (folder / "shop.py").write_text(MODULE.format(url=self.url))
        self.app = App(self.url)
        self.where = ("-b", self.url)

        @self.app.task(queue="mail")
        def send(to: str, *, copies: int = 1) -> str:
            if to == "nobody":
                raise ValueError("no such \x1b[31maddress\x07")
            return f"{to} x {copies}"

        @self.app.task
        def count(n: int) -> int:
            return n

        self.send = send
        self.count = count

    def bury(self, count: int) -> list[Job[str]]:
        """Let so many jobs die; returns their handles."""
        made = [self.send.enqueue("nobody") for _ in range(count)]
        with self.app.worker(burst=True):
            for job in made:
                with pytest.raises(JobDead):
                    job.result(timeout=10)
        return made


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    made = Shop(tmp_path)
    with made.app:
        yield made


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    """An app in a file, of our own beside the one that the command line opens and closes."""
    for name in ("shop", "twin"):
        (tmp_path / f"{name}.py").write_text(MODULE.format(url=f"sqlite:///{tmp_path}/jobs.db"))
    with find_app("twin:jobs") as found:
        yield found


def normal(text: str) -> str:
    """Return output with what differs from run to run replaced."""
    text = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "<id>", text)
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", "<time>", text)
    text = re.sub(r"memory://[0-9a-f]{32}", "<url>", text)
    for name in ("worker", "traceback", "version"):
        text = re.sub(rf'"{name}":( ?)"(?:[^"\\]|\\.)*"', rf'"{name}":\1"<{name}>"', text)
    return re.sub(r'"oldest_ready_s":( ?)[0-9.]+', r'"oldest_ready_s":\1"<seconds>"', text)
