"""The store as a whole, its limits and its life: STO."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial

import pytest
from msgspec import structs

from anyjob.conformance.effort import effort
from anyjob.conformance.example import shows
from anyjob.conformance.forks import RAISED, REOPENED, in_child
from anyjob.conformance.residue import open_files, threads_now
from anyjob.conformance.stage import SLACK, eventually
from anyjob.conformance.store.properties import StoreProperties
from anyjob.conformance.store_scene import StoreScene
from anyjob.conformance.threads import at_once
from anyjob.core.errors import AnyjobError, Misuse
from anyjob.core.store import ClaimRequest, Delete, Member, Put

#: Open/close cycles, and values that expire at once; the statements' own numbers when certifying.
CYCLES = effort().pick(30, 1_000)
MANY = effort().pick(3_000, 100_000)


class Whole(StoreProperties):
    """Namespaces, sweeping, and what holds for backends too."""

    @shows("STO-3")
    def test_sto_3_namespaces_never_meet(self, scene: StoreScene) -> None:
        other = scene.fresh(namespace="another")
        for store, value in ((scene.store, b"mine"), (other, b"yours")):
            assert store.put([Put("key", value, if_absent=True)])[0].done
            assert store.claim([ClaimRequest("key", value.decode(), 60.0)])[0].granted
            assert store.create_sets([("set", 2)]) == [True]
            assert store.increment([("count", 2)]) == [2]
            assert store.schedule([("set", "id", 0.0, value)]) == [True]
            store.append([("series", value)], keep=60.0)

        scene.store.settle_members([Member("set", 0)])
        scene.store.delete([Delete("key")])

        assert scene.value("key", other) == b"yours"
        assert [due.value for due in other.take_due("set", 9, 60.0)] == [b"yours"]
        assert [point.value for point in other.series("series", None, 9)] == [b"yours"]
        assert other.settle_members([Member("set", 0)])[0].changed
        assert [due.value for due in scene.store.take_due("set", 9, 60.0)] == [b"mine"]

    @shows("STO-3")
    def test_sto_3_expired_values_are_swept_and_live_ones_kept(self, scene: StoreScene) -> None:
        most = scene.store.capabilities.max_batch
        scene.put("for ever", b"kept")
        scene.put("long", b"kept", ttl=100 * scene.ttl)
        scene.put("again", ttl=scene.ttl)
        scene.put("again", b"kept")
        for start in range(0, MANY, most):
            lot = range(start, min(start + most, MANY))
            scene.store.put([Put(f"k{n}", b"v", ttl=scene.ttl) for n in lot])

        scene.pass_time(scene.ttl + scene.instant)

        kept = [scene.value(key) for key in ("for ever", "long", "again")]
        assert kept == [b"kept"] * 3
        assert scene.store.get([f"k{n}" for n in range(most)]) == [None] * most

    @shows("STO-4")
    def test_sto_4_lif_1_nothing_before_open_and_nothing_after_close(
        self, scene: StoreScene
    ) -> None:
        closed = scene.fresh()
        closed.close()
        closed.close()
        unopened = scene.harness.store(scene.site)

        for store in (closed, unopened):
            calls: list[Callable[[], object]] = [
                partial(store.get, ["key"]),
                partial(store.put, [Put("key", b"")]),
                partial(store.maintain, 0.1),
            ]
            for call in calls:
                with pytest.raises(Misuse):
                    call()
        unopened.close()

    @shows("STO-4")
    def test_sto_4_lif_3_open_may_be_repeated_and_shared(self, scene: StoreScene) -> None:
        scene.put("key", b"kept")
        scene.store.open()

        values = at_once([lambda: scene.value("key", scene.fresh())] * 4)

        assert values == [b"kept"] * 4

    @shows("STO-4")
    def test_sto_4_lif_5_many_cycles_leave_nothing_behind(self, scene: StoreScene) -> None:
        scene.fresh().close()
        threads, files = threads_now(), open_files()

        for _ in range(CYCLES):
            store = scene.harness.store(scene.site)
            store.open()
            store.get(["key"])
            store.close()

        assert eventually(lambda: threads_now() <= threads, SLACK), threading.enumerate()
        assert open_files() <= files

    @shows("STO-4")
    def test_sto_4_lif_5_making_a_store_touches_nothing(self, scene: StoreScene) -> None:
        empty = scene.site.folder / "untouched"
        empty.mkdir()

        scene.harness.store(structs.replace(scene.site, folder=empty)).close()

        assert list(empty.iterdir()) == []

    @shows("STO-4")
    def test_sto_4_con_2_many_threads_may_use_one_object(self, scene: StoreScene) -> None:
        def use(thread: int) -> Callable[[], int]:
            def run() -> int:
                mine = [f"{thread} {n}" for n in range(20)]
                for key in mine:
                    scene.put(key, key.encode())
                return sum(scene.value(key) == key.encode() for key in mine)

            return run

        assert at_once([use(thread) for thread in range(4)]) == [20] * 4

    @shows("STO-4")
    def test_sto_4_con_3_forked_child_reopens_or_raises(self, scene: StoreScene) -> None:
        scene.put("key", b"of the parent")

        for use in (
            lambda: scene.store.get(["key"]),
            lambda: scene.store.put([Put("child", b"")]),
            scene.store.close,
        ):
            assert in_child(use) in (REOPENED, RAISED)

        assert scene.value("key") == b"of the parent"

    @shows("STO-4")
    def test_sto_4_cap_4_every_error_is_of_our_tree(self, scene: StoreScene) -> None:
        wrong: list[Callable[[], object]] = [
            lambda: scene.store.get([""]),
            lambda: scene.store.put([Put("key", "text")]),  # type: ignore[arg-type]
            lambda: scene.store.put([Put("key", b"", ttl=-1.0)]),
            lambda: scene.store.claim([ClaimRequest("key", "me", 0.0)]),
            lambda: scene.store.create_sets([("set", -1)]),
            lambda: scene.store.schedule([("set", "id", float("nan"), b"")]),
            lambda: scene.store.take_due("set", 0, 30.0),
            lambda: scene.store.series("series", None, 0),
        ]

        for call in wrong:
            with pytest.raises(AnyjobError) as caught:
                call()
            assert caught.value.retryable is False

    @shows("STO-4")
    def test_sto_4_cap_5_capabilities_are_constant(self, scene: StoreScene) -> None:
        before = scene.store.capabilities

        scene.put("key")

        assert scene.store.capabilities == before == scene.fresh().capabilities
        assert before.product
        assert before.version

    @shows("STO-4")
    def test_sto_4_cap_6_no_error_repr_or_log_line_shows_a_value(self, scene: StoreScene) -> None:
        heard = scene.hear_logs()
        secret = b"a value that nobody may read " * 10
        largest = scene.store.capabilities.max_value
        said: list[str] = []

        for value, key in ((secret * (largest // len(secret) + 1), "key"), (secret, "")):
            with pytest.raises(AnyjobError) as caught:
                scene.store.put([Put(key, value)])
            said.append(repr(caught.value))
        scene.put("key", secret)

        said += [repr(scene.store), *heard]
        assert not [text for text in said if secret[:20].decode() in text]
