"""A producer with an outbox: `python -m tests.acceptance.producer NUMBER COUNT`.

An id is written down only after enqueue accepted it.
"""

import os
import sys
from pathlib import Path

from tests.acceptance import program


def produce(number: int, count: int) -> None:
    outbox = Path(os.environ["PROGRAM_FOLDER"]) / f"outbox-{number}.txt"
    work = program.make().tasks.get("work")
    with outbox.open("a") as accepted:
        for _ in range(count):
            job = work.enqueue(0.005)
            accepted.write(f"{job.id}\n")
            accepted.flush()


if __name__ == "__main__":
    produce(int(sys.argv[1]), int(sys.argv[2]))
