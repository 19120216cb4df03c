"""py-spy, in an environment of its own: which code held the interpreter, looked at from outside."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from benchmarks.peers.home import installed
from benchmarks.stages import stage_of

PACKAGES = ("py-spy",)
#: Looks a second. No divisor of the 5 ms after which one thread asks another for the interpreter,
#: or the looks would fall where it is handed over.
LOOKS = 83

_FRAME = re.compile(r"(?P<name>.+) \((?P<path>.+?)(?::\d+)?\)")


def program() -> str:
    """Where it is installed; raises NotInstalled."""
    return str(installed("py-spy", PACKAGES).program("py-spy"))


def shares(spy: str, pid: int, seconds: int, raw: Path) -> dict[str, float]:
    """Of so many seconds, the part in which each stage of a worker held the interpreter.

    Raises RuntimeError if py-spy may not look, which takes the rights of a debugger.
    """
    options = ["--pid", str(pid), "--rate", str(LOOKS), "--duration", str(seconds)]
    said = subprocess.run(
        [spy, "record", *options, "--gil", "--format", "raw", "--output", str(raw)],
        capture_output=True,
        text=True,
        check=False,
    )
    if said.returncode:
        raise RuntimeError(f"py-spy cannot look at the worker: {said.stderr.strip()[-300:]}")
    return {
        stage: times / (LOOKS * seconds)
        for stage, times in by_stage(raw.read_text().splitlines()).items()
    }


def by_stage(lines: Iterable[str]) -> Counter[str]:
    """Each line is a stack, from the outermost frame on, and how often it was seen."""
    seen: Counter[str] = Counter()
    for line in lines:
        stack, _, times = line.rpartition(" ")
        frames = [_FRAME.fullmatch(frame) for frame in reversed(stack.split(";"))]
        seen[stage_of((found["path"], found["name"]) for found in frames if found)] += int(times)
    return seen
