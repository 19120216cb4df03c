"""Opening, declaring and closing: LIF."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from msgspec import structs

from anyjob.conformance.backend.properties import BackendProperties
from anyjob.conformance.backend.widened import in_turn, is_refused
from anyjob.conformance.effort import effort
from anyjob.conformance.example import shows
from anyjob.conformance.residue import open_files, threads_now
from anyjob.conformance.scene import QUEUE, Scene
from anyjob.conformance.stage import SLACK, eventually
from anyjob.conformance.threads import Background, at_once
from anyjob.core.backend import QueueShare, QueueSpec
from anyjob.core.errors import Misuse, UnsupportedCapability
from anyjob.core.settlement import Complete
from anyjob.core.state import State

#: Open/close cycles; the statement's own number when certifying.
CYCLES = effort().pick(40, 1_000)


class Lifecycle(BackendProperties):
    """Nothing before open(), nothing after close(), and nothing stays."""

    @shows("LIF-1", clocks=("own",))
    def test_lif_1_close_is_bounded_and_ends_blocked_calls(self, scene: Scene) -> None:
        scene.put()
        backend = scene.fresh()
        consumer = scene.consumer(backend=backend, lease=60.0)
        lease = scene.one(consumer)
        fetching = Background(lambda: _or_misuse(lambda: consumer.fetch(1, 30.0)))
        looking = Background(lambda: _or_misuse(lambda: backend.get(QUEUE, [lease.id], wait=30.0)))
        assert fetching.is_waiting()
        assert looking.is_waiting() or is_refused(scene, lease)

        began = time.monotonic()
        backend.close()
        backend.close()

        fetching.result(SLACK)
        looking.result(SLACK)
        assert time.monotonic() - began <= 2 * SLACK
        consumer.close(release=True)
        backend.close()

    @shows("LIF-1")
    def test_lif_1_closed_backend_raises(self, scene: Scene) -> None:
        backend = scene.fresh()
        consumer = scene.consumer(backend=backend)
        backend.close()

        for call in (
            lambda: backend.enqueue([scene.job()]),
            lambda: backend.declare([QueueSpec(QUEUE)]),
            lambda: backend.consume([QueueShare(QUEUE)], lease=30.0, worker="w"),
            lambda: backend.maintain(0.1),
            lambda: backend.counts(QUEUE),
            lambda: backend.get(QUEUE, [scene.job().id]),
            lambda: consumer.fetch(1, 0.0),
            lambda: consumer.extend([], 30.0),
            lambda: consumer.flush(0.1),
        ):
            with pytest.raises(Misuse):
                call()
        if not scene.lacks("browse"):
            with pytest.raises(Misuse):
                backend.browse(QUEUE, State.DEAD, None, 1)
        scene.put()

    @shows("LIF-1")
    def test_lif_1_unopened_backend_raises(self, scene: Scene) -> None:
        backend = scene.harness.backend(scene.site)

        for call in (
            lambda: backend.enqueue([scene.job()]),
            lambda: backend.counts(QUEUE),
            lambda: backend.consume([QueueShare(QUEUE)], lease=30.0, worker="w"),
        ):
            with pytest.raises(Misuse):
                call()
        backend.close()

    @shows("LIF-1")
    def test_lif_1_closed_consumer_ends_for_good(self, scene: Scene) -> None:
        scene.put()
        consumer = scene.consumer()
        consumer.close(release=True)
        consumer.close(release=False)

        with pytest.raises(Misuse):
            consumer.fetch(1, 0.0)
        assert scene.counted() == (1, 0, 0, 0)

    @shows("LIF-1")
    def test_lif_1_no_thread_and_no_file_stays(self, scene: Scene) -> None:
        threads, files = threads_now(), open_files()

        with Scene(scene.harness, scene.clock) as other:
            consumer = other.consumer()
            other.put(2)
            other.one(consumer)
            consumer.fetch(1, 0.01)

        assert eventually(lambda: threads_now() <= threads, SLACK), threading.enumerate()
        left = open_files() - files
        assert not left, f"still open: {sorted(left)}"

    @shows("LIF-2")
    def test_lif_2_released_consumer_gives_back_what_it_did_not_finish(self, scene: Scene) -> None:
        scene.put(5)
        consumer, other = scene.consumer(), scene.consumer()
        done, *unstarted = scene.take(consumer, 5)
        consumer.settle([Complete(lease=done)])

        consumer.close(release=True)

        leases = scene.rest(other)
        assert in_turn(scene, leases) == in_turn(scene, unstarted)
        assert {lease.attempt for lease in leases} == {1}
        if scene.capabilities.release != "none":
            assert {lease.redeliveries for lease in leases} == {0}
        scene.complete(other, *leases)
        scene.outlast()
        scene.assert_idle(other)

    @shows("LIF-2")
    def test_lif_2_consumer_that_is_only_closed_lets_its_leases_run_out(self, scene: Scene) -> None:
        scene.put(2)
        consumer, other = scene.consumer(), scene.consumer()
        scene.take(consumer, 2)

        consumer.close(release=False)

        if scene.capabilities.lease == "timed":
            scene.assert_idle(other)
        scene.outlast()
        assert [lease.redeliveries for lease in scene.take(other, 2)] == [1, 1]

    @shows("LIF-2")
    def test_lif_2_release_leaves_lost_and_settled_leases_alone(self, scene: Scene) -> None:
        scene.put(2)
        first, second = scene.consumer(), scene.consumer()
        scene.take(first, 2)
        scene.outlast()
        held = scene.take(second, 2)

        first.close(release=True)

        scene.assert_idle(scene.consumer())
        scene.complete(second, *held)

    @shows("LIF-3")
    def test_lif_3_open_and_declare_may_be_repeated(self, scene: Scene) -> None:
        [job] = scene.put()

        scene.backend.open()
        for _ in range(3):
            scene.declare(QUEUE, "another")

        assert {QUEUE, "another"} <= scene.backend.queues()
        assert scene.one(scene.consumer()).id == job.id

    @shows("LIF-3")
    def test_lif_3_queue_is_declared_in_its_own_namespace(self, scene: Scene) -> None:
        scene.fresh(namespace="another").declare([QueueSpec("theirs")])

        assert "theirs" not in scene.backend.queues()

    @shows("LIF-3")
    def test_lif_3_many_may_open_and_declare_at_once(self, scene: Scene) -> None:
        def join() -> int:
            backend = scene.fresh()
            backend.declare([QueueSpec(QUEUE), QueueSpec("together")])
            return len(scene.put(backend=backend))

        assert at_once([join] * 4) == [1] * 4

        assert scene.counted() == (4, 0, 0, 0)
        assert {QUEUE, "together"} <= scene.backend.queues()

    @shows("LIF-5")
    def test_lif_5_many_cycles_leave_nothing_behind(self, scene: Scene) -> None:
        scene.fresh().close()
        threads, files = threads_now(), open_files()

        for _ in range(CYCLES):
            backend = scene.harness.backend(scene.site)
            backend.open()
            backend.counts(QUEUE)
            backend.close()

        assert eventually(lambda: threads_now() <= threads, SLACK), threading.enumerate()
        assert open_files() <= files

    @shows("LIF-5")
    def test_lif_5_making_a_backend_touches_nothing(self, scene: Scene) -> None:
        empty = Path(scene.site.folder, "untouched")
        empty.mkdir()
        threads, files = threads_now(), open_files()

        backend = scene.harness.backend(structs.replace(scene.site, folder=empty))

        assert list(empty.iterdir()) == []
        assert threads_now() <= threads
        assert open_files() <= files
        backend.close()
        assert list(empty.iterdir()) == []


def _or_misuse(call: object) -> object:
    """What a call returned, or that it said the backend is closed, or cannot do that at all."""
    assert callable(call)
    try:
        return call()
    except (Misuse, UnsupportedCapability):
        return None
