"""Values in the order of time: SER."""

from __future__ import annotations

from collections.abc import Callable

from anyjob.conformance.example import shows
from anyjob.conformance.store.properties import StoreProperties
from anyjob.conformance.store_scene import StoreScene
from anyjob.conformance.threads import at_once
from anyjob.core.store import Point, Store

KEEP = 100.0


class TimeSeries(StoreProperties):
    """Appended by many, read in pages."""

    @shows("SER-1")
    def test_ser_1_series_keeps_every_append_of_many_writers(self, scene: StoreScene) -> None:
        stores = [scene.store, scene.fresh()]

        at_once([_appending(stores[n % 2], n) for n in range(4)])

        points = _read(scene.store, 7)
        expected = sorted(b"%d-%d" % (writer, n) for writer in range(4) for n in range(20))
        assert sorted(point.value for point in points) == expected
        order = [(point.at, point.sequence) for point in points]
        assert order == sorted(set(order))

    @shows("SER-1")
    def test_ser_1_range_begins_after_what_was_read(self, scene: StoreScene) -> None:
        for number in range(6):
            scene.store.append([("series", b"%d" % number), ("other", b"x")], keep=KEEP)
            scene.elapse(scene.seconds(1.0))

        first = scene.store.series("series", None, 2)
        rest = scene.store.series("series", (first[-1].at, first[-1].sequence), 100)

        assert [point.value for point in first + rest] == [b"%d" % n for n in range(6)]
        step = rest[-1].at - first[0].at
        assert step >= scene.seconds(5.0) - 5 * scene.instant
        assert scene.store.series("unknown", None, 10) == []

    @shows("SER-1", moves_clock=True)
    def test_ser_1_retention_drops_only_the_oldest(self, scene: StoreScene) -> None:
        for number in range(10):
            scene.store.append([("series", b"%d" % number)], keep=KEEP)
            scene.pass_time(30.0)

        kept = [int(point.value) for point in _read(scene.store, 3)]

        assert kept == list(range(kept[0], 10))
        assert kept[0] <= 7, f"points younger than {KEEP:g} s are gone: {kept}"


def _appending(store: Store, writer: int) -> Callable[[], None]:
    def append() -> None:
        for number in range(20):
            store.append([("series", b"%d-%d" % (writer, number))], keep=KEEP)

    return append


def _read(store: Store, page: int) -> list[Point]:
    points: list[Point] = []
    after: tuple[float, int] | None = None
    while got := store.series("series", after, page):
        assert after is None or (got[0].at, got[0].sequence) > after, "a point was read twice"
        points += got
        after = got[-1].at, got[-1].sequence
    return points
