"""Where a declared level leaves several answers legal: what both sides of a comparison come to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from anyjob.conformance.scene import Scene
from anyjob.core.envelope import Envelope
from anyjob.core.settlement import Lease


def in_turn(scene: Scene, jobs: Iterable[Envelope | Lease]) -> list[str]:
    """The ids as they came or have to come; sorted where the order is loose, and any is legal."""
    ids = [job.id for job in jobs]
    return ids if scene.capabilities.order == "fifo" else sorted(ids)


def ended_together(scene: Scene, leases: Sequence[Lease], lost: Sequence[Lease]) -> list[Lease]:
    """Those not lost before that ended although they were extended: all of them where leases hang
    on connections, which were cut.
    """
    if scene.capabilities.lease == "timed":
        return []
    return [lease for lease in leases if lease not in lost]
