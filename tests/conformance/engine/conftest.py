"""The command line in this process, in a folder of its own, on the harnesses beside this file."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from anyjob.cli import run

ROOT = Path(__file__).parents[3]
HARNESSES = "tests.conformance.engine.harnesses"


class Ran(NamedTuple):
    """What one command came to."""

    code: int
    out: str
    err: str
    folder: Path

    def read(self, name: str) -> Any:
        """A JSON file that it wrote."""
        return msgspec.json.decode((self.folder / name).read_bytes())


Conformance = Callable[..., Ran]


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    for name in list(os.environ):
        if (
            name.startswith(("ANYJOB_", "CONFORMANCE_", "PYTEST_"))
            and name != "PYTEST_CURRENT_TEST"
        ):
            monkeypatch.delenv(name)
    monkeypatch.delenv("CI", raising=False)
    # The child finds the harnesses of this file as it finds an author's own.
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.chdir(tmp_path)
    path = list(sys.path)
    yield tmp_path
    sys.path[:] = path


@pytest.fixture
def conformance(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> Conformance:
    """Run `anyjob conformance` on a harness of harnesses.py, by its name."""

    def call(harness: str | None, *words: str) -> Ran:
        capfd.readouterr()
        named = [f"{HARNESSES}:{harness}"] if harness else []
        code = run(["conformance", *named, *words])
        sys.stdout.flush()
        out, err = capfd.readouterr()
        return Ran(code, out, err, tmp_path)

    return call
