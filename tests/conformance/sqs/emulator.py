"""Runs ministack's SQS, and S3, for the tests, in ministack's own environment:
`ministack-python -m tests.conformance.sqs.emulator PORT FOLDER`.

It listens on 127.0.0.1 alone, takes the time from a clock that tests move forward and let stand,
and lets a request wait by the machine's own clock, looking for what it wants more often than each
tenth of a second. Nothing else of it is changed.
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
        "SERVICES": "s3,sqs",
        "TMPDIR": str(folder),
    }
    from ministack import app
    from ministack.services import sqs

    clock = MovedClock(folder)
    receive = sqs._act_receive_message  # noqa: SLF001 - an emulator's inside is all there is of it

    async def receive_or_wait(data: dict[str, Any], url: str) -> Any:
        """Its own waiting goes by the clock that may stand."""
        deadline = time.monotonic() + int(data.get("WaitTimeSeconds") or 0)
        while True:
            reply = await receive({**data, "WaitTimeSeconds": 0}, url)
            if reply.get("Messages") or time.monotonic() >= deadline:
                return reply
            await asyncio.sleep(_LOOK)

    replaced: Any = sqs
    replaced.time = SimpleNamespace(time=clock.time)
    replaced._HANDLERS["ReceiveMessage"] = receive_or_wait  # noqa: SLF001
    sys.argv = ["ministack"]
    app.main()


if __name__ == "__main__":
    run(int(sys.argv[1]), Path(sys.argv[2]))
