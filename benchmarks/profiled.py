"""The application of a worker that tells how long it collected garbage, and in which stage.

A collection runs within whatever happens to allocate, which a profiler shows as that one's time.
"""

from __future__ import annotations

import atexit
import gc
import inspect
import json
import os
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from benchmarks.stages import COLLECTED, stage_of
from benchmarks.tasks import application

_seconds: Counter[str] = Counter()
_began: list[tuple[str, float]] = []


def _outwards(frame: FrameType | None) -> Iterator[tuple[str, str]]:
    while frame is not None:
        yield frame.f_code.co_filename, frame.f_code.co_qualname
        frame = frame.f_back


def _watch(phase: str, _: dict[str, int]) -> None:
    if phase == "start":
        _began.append((stage_of(_outwards(inspect.currentframe())), time.perf_counter()))
    else:
        stage, began = _began.pop()
        _seconds[stage] += time.perf_counter() - began  # type: ignore[assignment]


@atexit.register
def _tell() -> None:
    Path(os.environ[COLLECTED]).write_text(json.dumps(_seconds))


gc.callbacks.append(_watch)
jobs = application()
