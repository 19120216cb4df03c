"""Keeps the cores of a virtual machine awake, on which a round trip flips between 40 and 100 us.

A core that halts between two requests is woken by the host, which takes longer than a request. One
loop a core, of the lowest class there is, keeps them from it: every other process goes before it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

# It ends with the process that started it, however that ends.
_LOOP = """
import os
os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
parent = os.getppid()
while os.getppid() == parent:
    for _ in range(1_000_000):
        pass
"""


@contextmanager
def awake() -> Iterator[None]:
    """Spin on every core within the block, where the system has such a class."""
    if not hasattr(os, "SCHED_IDLE"):
        yield
        return
    loops = [
        subprocess.Popen([sys.executable, "-c", _LOOP], stdin=subprocess.DEVNULL)
        for _ in range(os.cpu_count() or 1)
    ]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()
