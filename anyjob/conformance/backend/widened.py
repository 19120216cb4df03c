"""Where a declared level leaves several answers legal: what both sides of a comparison come to."""

from __future__ import annotations

from collections.abc import Iterable

from anyjob.conformance.scene import Scene
from anyjob.core.envelope import Envelope
from anyjob.core.settlement import Lease


def in_turn(scene: Scene, jobs: Iterable[Envelope | Lease]) -> list[str]:
    """The ids as they came or have to come; sorted where the order is loose, and any is legal."""
    ids = [job.id for job in jobs]
    return ids if scene.capabilities.order == "fifo" else sorted(ids)
