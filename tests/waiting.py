"""Waiting for what another thread or process does, without sleeping for a guessed time."""

import time
from collections.abc import Callable

#: Far longer than anything takes here; only a test that fails ever waits so long.
PATIENCE = 30.0


def until(holds: Callable[[], object], what: str = "", *, timeout: float = PATIENCE) -> None:
    """Poll until `holds()` is true; fail after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not holds():
        assert time.monotonic() < deadline, f"waited {timeout:g} s in vain {what}"
        time.sleep(0.002)
