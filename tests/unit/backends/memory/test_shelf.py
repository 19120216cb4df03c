"""What only the memory store promises: order under a clock that steps back, and bounds."""

from anyjob.backends.memory import MemoryStore
from anyjob.backends.memory.shelf import SLACK, Expiring, Shelf
from anyjob.conformance.clock import FakeClock
from anyjob.core.store import ClaimRequest, Put


def inside(store: MemoryStore) -> Shelf:
    """The shelf itself: how much it keeps shows nowhere else."""
    return store._place.space().shelf  # noqa: SLF001


def ends(expiring: Expiring) -> int:
    return len(expiring._ends)  # noqa: SLF001


def test_a_series_stays_in_order_when_the_wall_clock_steps_back(
    store: MemoryStore, clock: FakeClock
) -> None:
    store.append([("s", b"1")], keep=3600)
    clock.jump(-100)
    store.append([("s", b"2")], keep=3600)

    first, second = store.series("s", None, 10)

    assert (first.value, second.value) == (b"1", b"2")
    assert store.series("s", (first.at, first.sequence), 10) == [second]


def test_a_series_drops_what_is_past_keeping(store: MemoryStore, clock: FakeClock) -> None:
    for n in range(1000):
        store.append([("s", str(n).encode())], keep=10)
        clock.advance(1)

    points = store.series("s", None, 1000)

    assert len(points) <= 25
    assert [int(point.value) for point in points] == list(range(1000 - len(points), 1000))


def test_rewriting_one_key_for_ever_keeps_a_bounded_number_of_entries(
    store: MemoryStore, clock: FakeClock
) -> None:
    for _ in range(3 * SLACK):
        store.put([Put("key", b"value", ttl=86400)])
        store.claim([ClaimRequest("key", "owner", ttl=86400)])
        clock.advance(0.01)

    assert ends(inside(store).values) <= SLACK + 3
    assert ends(inside(store).claims) <= SLACK + 3


def test_a_sweep_removes_what_is_past_its_time_and_nothing_else(
    store: MemoryStore, clock: FakeClock
) -> None:
    for start in range(0, 3000, 1000):
        store.put([Put(f"{n}", b"", ttl=10) for n in range(start, start + 1000)])
    store.put([Put("0", b"renewed", ttl=100), Put("for ever", b"")])

    clock.advance(10)
    while store.maintain(0) == 0.0:
        pass

    assert sorted(inside(store).values._held) == ["0", "for ever"]  # noqa: SLF001


def test_scheduling_and_removing_for_ever_keeps_a_bounded_number_of_entries(
    store: MemoryStore,
) -> None:
    for n in range(3 * SLACK):
        store.schedule([("set", f"{n}", 1e10, b"")])
        assert store.unschedule([("set", f"{n}")]) == [True]

    assert len(inside(store).schedules["set"]._free) <= SLACK + 1  # noqa: SLF001
