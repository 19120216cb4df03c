"""Settlements by the name of their kind, for examples that try all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from anyjob.core.settlement import Abandon, Bury, Complete, End, Lease, Release, Retry, Settlement

_MAKERS: dict[str, Callable[..., Settlement]] = {
    "complete": Complete,
    "retry": Retry,
    "release": Release,
    "bury": lambda **fields: Bury(reason="broken", **fields),
    "end": lambda **fields: End(state="expired", **fields),
    "abandon": Abandon,
}
KINDS = tuple(_MAKERS)


def settlement(kind: str, lease: Lease, **fields: Any) -> Settlement:
    """A settlement of that kind; a burial's reason is "broken", an end's state expired."""
    return _MAKERS[kind](lease=lease, **fields)
