"""Named places where a test may kill, stop or fail this process; they do nothing otherwise.

Armed by configuration (`ANYJOB_FAILPOINT=worker.run.after:kill`), never by a message. `FAILPOINTS`
names every one, so that a test that arms a name which is no longer there fails instead of passing.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Callable
from functools import partial

from anyjob.core.errors import ConfigurationError, shown
from anyjob.core.names import suggestion

FAILPOINTS = frozenset(
    {
        "worker.fetch.after",
        "worker.run.before",
        "worker.run.after",
        "worker.settle.before",
        "worker.settle.after",
        "worker.retry.before",
        "worker.retry.after",
        "worker.bury.before",
        "worker.bury.after",
        "sqlite.enqueue.before_commit",
        "sqlite.enqueue.after_commit",
        "sqlite.claim.before_commit",
        "sqlite.claim.after_commit",
        "sqlite.settle.before_commit",
        "sqlite.settle.after_commit",
        "sqlite.children.before",
        "sqlite.children.after",
    }
)


class FailpointHit(Exception):
    """What an armed `raise` failpoint raises; not an error of ours, like any surprise."""


def _raise() -> None:
    raise FailpointHit("armed failpoint reached")


_ACTIONS: dict[str, Callable[[], None]] = {
    "kill": partial(signal.raise_signal, signal.SIGKILL),
    "pause": partial(signal.raise_signal, signal.SIGSTOP),
    "raise": _raise,
}
_armed: dict[str, tuple[int, Callable[[], None]]] = {}


def arm(spec: str) -> None:
    """Arm `name:action` or `name:action:n` (from the n-th time on); several are separated by
    commas.

    Actions are kill (SIGKILL), pause (SIGSTOP) and raise. Raises ConfigurationError.
    """
    for part in filter(None, spec.split(",")):
        name, _, rest = part.strip().partition(":")
        action, _, nth = rest.partition(":")
        if name not in FAILPOINTS:
            raise ConfigurationError(f"no failpoint {shown(name)}{suggestion(name, FAILPOINTS)}")
        if action not in _ACTIONS or not re.fullmatch("[0-9]{0,9}", nth):
            raise ConfigurationError(
                "expected name:kill, name:pause or name:raise, with :n for the n-th time, got"
                f" {shown(part)}"
            )
        _armed[name] = (int(nth or 1), _ACTIONS[action])


def disarm() -> None:
    """Forget every armed failpoint."""
    _armed.clear()


def reach(name: str) -> None:
    """Mark the place `name`; costs one look at an empty dict unless something is armed."""
    if _armed and name in _armed:
        left, action = _armed[name]
        if left > 1:
            _armed[name] = (left - 1, action)
        else:
            action()
