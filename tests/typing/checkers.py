"""Two type checkers over tests/typing/cases, seen as one: which lines does each call wrong?"""

import json
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

CASES = Path(__file__).parent / "cases"
CACHE = Path(__file__).parents[2] / ".mypy_cache" / "cases"

Finding = tuple[str, int, str]
"""File name, line from 1, message."""


@cache
def mypy() -> list[Finding]:
    # No configuration: a user's program gets plain --strict, not this repository's choices.
    output = check("mypy", "--config-file=", "--strict", "--output=json", f"--cache-dir={CACHE}")
    reports = [json.loads(line) for line in output.splitlines()]
    return [
        (Path(report["file"]).name, report["line"], report["message"])
        for report in reports
        if report["severity"] == "error"
    ]


@cache
def pyright() -> list[Finding]:
    output = check("basedpyright", "--outputjson", "--pythonpath", sys.executable)
    reports = json.loads(output)["generalDiagnostics"]
    return [
        (Path(report["file"]).name, report["range"]["start"]["line"] + 1, report["message"])
        for report in reports
        if report["severity"] == "error"
    ]


CHECKERS: dict[str, Callable[[], list[Finding]]] = {"mypy": mypy, "pyright": pyright}


def check(module: str, *arguments: str) -> str:
    """Run a checker in the folder of the cases, where only the installed anyjob is in sight."""
    command = [sys.executable, "-m", module, *arguments, "."]
    done = subprocess.run(command, cwd=CASES, capture_output=True, text=True, check=False)
    # 1 means "found errors", which the cases are for; a checker that broke says so on stderr.
    assert done.returncode in {0, 1}, done.stderr + done.stdout
    assert not done.stderr, done.stderr
    return done.stdout
