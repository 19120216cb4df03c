"""Where a declared level leaves several answers legal: what both sides of a comparison come to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from anyjob.conformance.scene import Scene
from anyjob.core.backend import JobRecord
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


def hangs(scene: Scene) -> bool:
    """Whether leases hang on connections, so that a lost answer is a lost lease, and nothing has to
    be asked to extend one.
    """
    return scene.capabilities.lease == "connection"


def remembers_apart(scene: Scene) -> bool:
    """Whether ids and keys are kept apart from the jobs, so that a call that stores one is several
    requests.
    """
    return scene.capabilities.unique == "emulated"


def settles_by_copy(scene: Scene) -> bool:
    """Whether a job that goes elsewhere is stored anew for it, for which there has to be room."""
    return scene.capabilities.release != "place" and scene.capabilities.dead == "emulated"


def in_doubt(scene: Scene) -> tuple[list[Answer], ...]:
    """What may be answered to one settlement whose answer is cut off."""
    lost = ([Answer.LEASE_LOST],) if hangs(scene) else ()
    return ([Answer.UNKNOWN], *lost)


def was_lost(scene: Scene, lease: Lease, times: int) -> bool:
    """Whether the job counts as lost so often; where what was on its way to others counts as well,
    so often at least.
    """
    return lease.redeliveries == times or (
        scene.capabilities.redeliveries == "upper" and lease.redeliveries > times
    )


def came_or_went(
    scene: Scene, found: Iterable[Lease], sure: Iterable[Envelope], doubtful: Envelope
) -> bool:
    """Whether what is found are the sure ones and one whose enqueue was in doubt; that may have
    gone with the connection it came over, where a broker drops with one what it has read last.
    """
    ids = sorted(lease.id for lease in found)
    went = sorted(job.id for job in sure)
    return ids == sorted([*went, doubtful.id]) or (hangs(scene) and ids == went)


def assert_shown(scene: Scene, job: Envelope | Lease, state: State, **fields: object) -> None:
    """`get` shows the job in this state, and so; or refuses, where jobs of it are not listed."""
    if not is_refused(scene, job):
        record = scene.record(job)
        assert record is not None
        assert record.state is state
        assert {name: getattr(record, name) for name in fields} == fields


def assert_unknown(scene: Scene, job: Envelope | Lease) -> None:
    """`get` knows no such job; or refuses, where it could not find one that waits."""
    assert is_refused(scene, job) or scene.record(job) is None


def is_refused(scene: Scene, job: Envelope | Lease) -> bool:
    """Whether `get` refuses to look for it, by the name of the level that is too weak for that."""
    try:
        scene.record(job)
    except UnsupportedCapability as refusal:
        return refusal.name == "browse" and scene.capabilities.browse != "all"
    return False


def record_if_shown(scene: Scene, job: Envelope | Lease) -> JobRecord | None:
    """What `get` shows of it; None also where it refuses to look."""
    return None if is_refused(scene, job) else scene.record(job)
