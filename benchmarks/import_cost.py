"""What `import anyjob` adds to the start of an interpreter."""

from __future__ import annotations

import os
import subprocess
import sys
import time

from benchmarks.result import Result, Target
from benchmarks.settings import Settings

#: What a program that only enqueues must not be made to load.
UNWANTED = ("asyncio", "sqlite3", "click", "rich", "ssl", "anyjob.worker", "anyjob.cli")


def measure(settings: Settings) -> list[Result]:
    """Start bare interpreters and importing ones in turn."""
    times = 5 if settings.is_quick else 41
    # An installed package is compiled already; a fresh clone is by its first import.
    _start("import anyjob")
    bare, importing = [], []
    for _ in range(times):
        bare.append(_start("pass"))
        importing.append(_start("import anyjob"))
    added = [(one - other) * 1000 for one, other in zip(importing, bare, strict=True)]
    return [
        Result(
            measurement="import_cost",
            figure="import",
            title="`import anyjob` above a bare interpreter",
            unit="ms",
            samples=added,
            target=Target("most", 60),
            seen={"bare_ms": [seconds * 1000 for seconds in bare]},
        ),
        Result(
            measurement="import_cost",
            figure="modules",
            title=f"of {', '.join(UNWANTED)}, loaded by `import anyjob`",
            unit="modules",
            samples=[float(len(loaded := _loaded()))],
            target=Target("most", 0),
            seen={"loaded": ", ".join(loaded)},
        ),
    ]


def _start(program: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", program], check=True, env=_environment())
    return time.perf_counter() - began


def _environment() -> dict[str, str]:
    """This process's, but that bytecode may be written."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def _loaded() -> list[str]:
    program = f"import sys, anyjob; print(*(name for name in {UNWANTED!r} if name in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    return done.stdout.split()
