"""Runs ministack's SQS for the tests, in ministack's own environment:
`ministack-python -m tests.conformance.sqs.emulator PORT FOLDER`.

It listens on 127.0.0.1 alone, looks for what a waiting request wants more often than its tenth of a
second, and takes the time from a clock that tests move forward. Nothing else of it is changed.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tests.conformance.sqs.moved import MovedClock

HOST = "127.0.0.1"
_LOOK = 0.01


def run(port: int, folder: Path) -> None:
    os.environ |= {
        "BIND_HOST": HOST,
        "GATEWAY_PORT": str(port),
        "LOG_LEVEL": "ERROR",
        "SERVICES": "sqs",
        "TMPDIR": str(folder),
    }
    from ministack import app
    from ministack.services import sqs

    clock = MovedClock(folder)

    async def sleep(seconds: float) -> None:
        await asyncio.sleep(min(seconds, _LOOK))

    replaced: Any = sqs
    replaced.time = SimpleNamespace(time=clock.time, monotonic=time.monotonic)
    replaced.asyncio = SimpleNamespace(sleep=sleep, iscoroutine=asyncio.iscoroutine)
    sys.argv = ["ministack"]
    app.main()


if __name__ == "__main__":
    run(int(sys.argv[1]), Path(sys.argv[2]))
