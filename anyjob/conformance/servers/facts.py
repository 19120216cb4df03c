"""What the system tells of a process: when it began, and what it was started with.

A number alone names no process: it is used again. Number and beginning together do. What a process
starts in its turn is known by a token in its environment, which some servers overwrite with their
title.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

#: The environment variable by which a process and all that it starts are known as ours.
TOKEN = "CONFORMANCE_SERVER"  # noqa: S105 - the name of a variable

_PROC = Path("/proc")
_HAS_PROC = (_PROC / "self" / "stat").exists()


def started(pid: int) -> str | None:
    """Since when, and in which boot of the machine, a process lives, in words of the system; None
    if there is none of that number.
    """
    if not _HAS_PROC:
        return _ps("-o", "lstart=", "-p", str(pid)) or None
    with contextlib.suppress(OSError):
        # The name before it may hold spaces and brackets of its own.
        fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
        return None if fields[0] == "Z" else f"{_boot()}-{fields[19]}"
    return None


@cache
def _boot() -> str:
    return (_PROC / "sys" / "kernel" / "random" / "boot_id").read_text().strip()


def carries(pid: int, token: str) -> bool:
    """Whether a process was started with this token, directly or by one that was."""
    if not _HAS_PROC:
        return f"{TOKEN}={token}" in _ps("eww", "-o", "command=", "-p", str(pid)).split()
    with contextlib.suppress(OSError):
        return f"{TOKEN}={token}".encode() in (_PROC / str(pid) / "environ").read_bytes().split(
            b"\0"
        )
    return False


def carriers(token: str) -> list[int]:
    """Every process that was started with this token."""
    return [pid for pid in _pids() if pid != os.getpid() and carries(pid, token)]


def _pids() -> Iterator[int]:
    if _HAS_PROC:
        names = [entry.name for entry in _PROC.iterdir()]
    else:
        names = _ps("-axo", "pid=").split()
    return (int(name) for name in names if name.isdigit())


def _ps(*options: str) -> str:
    run = subprocess.run(  # noqa: S603 - a program of the system, and numbers
        ["/bin/ps", *options], capture_output=True, text=True, timeout=10, check=False
    )
    return run.stdout.strip()
