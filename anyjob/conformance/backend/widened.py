"""Where a declared level leaves several answers legal: what both sides of a comparison come to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pytest

from anyjob.conformance.scene import QUEUE, Scene
from anyjob.core.envelope import Envelope
from anyjob.core.errors import UnsupportedCapability
from anyjob.core.settlement import Answer, Lease
from anyjob.core.state import State


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


def shows_only_dead(scene: Scene) -> bool:
    """Whether dead jobs alone are shown. Then a listing of others must be refused by name."""
    if scene.capabilities.browse == "all":
        return False
    for state in (State.READY, State.SCHEDULED, State.LEASED):
        with pytest.raises(UnsupportedCapability) as refusal:
            scene.backend.browse(QUEUE, state, None, 1)
        assert refusal.value.name == "browse"
    scene.status = "PASS(dead)"
    return True


def hangs(scene: Scene) -> bool:
    """Whether leases hang on connections, so that a lost answer is a lost lease, and nothing has to
    be asked to extend one.
    """
    return scene.capabilities.lease == "connection"


def settles_by_copy(scene: Scene) -> bool:
    """Whether a job that goes elsewhere is stored anew for it, for which there has to be room."""
    return scene.capabilities.release != "place" and scene.capabilities.dead == "emulated"


def in_doubt(scene: Scene) -> tuple[list[Answer], ...]:
    """What may be answered to one settlement whose answer is cut off."""
    lost = ([Answer.LEASE_LOST],) if hangs(scene) else ()
    return ([Answer.UNKNOWN], *lost)
