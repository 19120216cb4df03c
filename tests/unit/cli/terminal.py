"""A command on a terminal: a real process behind a pseudo-terminal."""

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

SEED = """
import fcntl, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # so that a typed Ctrl-C becomes a signal
from anyjob import App
from anyjob.cli import run

jobs = App("memory://terminal")

@jobs.task(queue="mail")
def send(to: str) -> None: ...

if __name__ == "__main__":
    with jobs:
        for n in range(int(sys.argv[1])):
            send.enqueue("recipient %d" % n)
        code = run(sys.argv[2:])
        left = jobs.counts("mail").ready
        open("left", "w").write(str(left))
    sys.exit(code)
"""


class Seen(NamedTuple):
    """What a terminal showed."""

    code: int
    screen: str


def on_terminal(
    folder: Path,
    *words: str,
    jobs: int = 0,
    answer: str = "",
    environment: Mapping[str, str] | None = None,
) -> Seen:
    """Run `anyjob` with these words on a terminal of 120 columns, on so many jobs in memory.

    `answer` is typed once the screen shows a question mark.
    """
    (folder / "seed.py").write_text(SEED)
    command = [sys.executable, "seed.py", str(jobs), *words, "-b", "memory://terminal"]
    return run_on_terminal(command, folder, answer, environment)


def run_on_terminal(
    command: list[str], folder: Path, answer: str = "", environment: Mapping[str, str] | None = None
) -> Seen:
    """Run any command on a terminal of 120 columns until it ends."""
    master, slave = pty.openpty()
    try:
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            # Of its own session, so that a typed Ctrl-C reaches it and not us.
            start_new_session=True,
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": str(Path(__file__).parents[3]),
                "TERM": "xterm-256color",
                **(environment or {}),
            },
        )
    finally:
        os.close(slave)
    try:
        screen = _read_all(master, answer)
        return Seen(process.wait(timeout=10), screen)
    finally:
        process.kill()
        process.wait()
        os.close(master)


def _read_all(master: int, answer: str) -> str:
    deadline = time.monotonic() + 30
    screen = b""
    while time.monotonic() < deadline:
        readable, _, _ = select.select([master], [], [], 0.1)
        if not readable:
            continue
        try:
            part = os.read(master, 65536)
        except OSError:  # Linux reports the end of the process's side as an error
            break
        if not part:
            break
        screen += part
        if answer and b"?" in screen:
            os.write(master, answer.encode())
            answer = ""
    return screen.decode().replace("\r\n", "\n")
