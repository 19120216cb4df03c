"""A call of each sort, for what all of them owe when the other end is gone."""

from __future__ import annotations

from collections.abc import Callable

from anyjob.conformance.backend.widened import hangs
from anyjob.conformance.scene import QUEUE, Scene
from anyjob.core.backend import Backend, Consumer, QueueSpec
from anyjob.core.settlement import Lease


def every_call(
    scene: Scene, backend: Backend, consumer: Consumer, leases: list[Lease]
) -> list[Callable[[], object]]:
    """A call of each sort that has to ask whatever holds the jobs."""
    job = scene.job()
    # What hangs on a connection is extended by its being there.
    extends = [] if hangs(scene) else [lambda: consumer.extend(leases, scene.lease)]
    return [
        lambda: backend.enqueue([job]),
        lambda: backend.declare([QueueSpec("another")]),
        lambda: consumer.fetch(1, 0.1),
        *extends,
        lambda: backend.maintain(0.1),
        lambda: backend.counts(QUEUE),
        lambda: backend.get(QUEUE, [leases[0].id]),
        backend.queues,
    ]
