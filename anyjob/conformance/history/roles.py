"""What parts do, by name, and how one is played to its end."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from pathlib import Path

from anyjob.conformance.harness import Harness
from anyjob.conformance.history.consume import consume
from anyjob.conformance.history.part import Hand, Killed, Order, Part
from anyjob.conformance.history.probing import probe_put
from anyjob.conformance.history.produce import produce
from anyjob.conformance.history.racing import race

ROLES: Mapping[str, Callable[[Part], None]] = {
    "produce": produce,
    "consume": consume,
    "race": race,
    "probe_put": probe_put,
}


def play(order: Order, harness: Harness, hand: Hand) -> str:
    """Carry an order out; returns how it ended: "done", "killed" or "failed".

    What it failed with is left in a file of its name.
    """
    part = Part(order, harness, hand)
    try:
        ROLES[order.role](part)
    except Killed:
        return "killed"
    except BaseException:  # a foreign backend may raise anything, and the run is to say what
        Path(order.history, f"{order.name}.error").write_text(traceback.format_exc(), "utf-8")
        return "failed"
    finally:
        part.close()
    return "done"
