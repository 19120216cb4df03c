"""How far ahead a worker fetches: the rule alone."""

from hypothesis import given
from hypothesis import strategies as st

from anyjob.worker.pace import MAX_BUFFER, MAX_BUFFER_BYTES, Pace


def measured(per_second: int, seconds: float = 1.0) -> Pace:
    """A pace that has seen so many jobs a second."""
    pace = Pace(0.0)
    pace.ended("q", int(per_second * seconds), 0.001)
    pace.measure(seconds)
    return pace


def grown(pace: Pace, credit: int = 1, size: int = 100) -> int:
    for _ in range(20):
        pace.fetched(credit, credit, credit * size)
    return pace.buffer()


def test_nothing_is_buffered_at_first() -> None:
    assert Pace(0.0).buffer() == 0
    assert measured(1000).buffer() == 0


def test_buffer_doubles_with_each_full_fetch_up_to_a_tenth_of_a_second_of_work() -> None:
    pace = measured(1000)

    targets = []
    for _ in range(5):
        pace.fetched(4, 4, 400)
        targets.append(pace.buffer())

    assert targets == [16, 32, 64, 100, 100]


def test_buffer_is_emptied_by_a_fetch_that_brought_nothing() -> None:
    pace = measured(1000)
    assert grown(pace) == 100

    pace.fetched(0, 10, 0)

    assert pace.buffer() == 0


def test_fetch_that_was_not_full_leaves_the_buffer_as_it_is() -> None:
    pace = measured(1000)
    assert grown(pace) == 100

    pace.fetched(3, 10, 300)

    assert pace.buffer() == 100


def test_buffer_holds_a_bounded_number_of_jobs_and_bytes() -> None:
    assert grown(measured(1_000_000)) == MAX_BUFFER
    assert grown(measured(1_000_000), size=MAX_BUFFER_BYTES // 10) == 10


def test_large_jobs_are_remembered_beyond_one_fetch_of_small_ones() -> None:
    pace = measured(1_000_000)
    pace.fetched(1, 1, 10_000_000)

    for _ in range(10):
        pace.fetched(1, 1, 10)

    assert pace.buffer() < 20


def test_pace_that_grows_is_believed_at_once_and_one_that_falls_only_as_it_lasts() -> None:
    pace = measured(10_000)
    assert grown(pace) == 1000

    pace.measure(1.1)
    soon = grown(pace)
    pace.measure(11.0)
    later = grown(pace)

    assert 800 < soon < 1000
    assert later == 0


def test_looks_that_follow_each_other_at_once_change_nothing() -> None:
    pace = measured(1000)
    grown(pace)

    pace.measure(1.01)
    pace.measure(1.02)

    assert pace.buffer() == 100


def test_slow_queue_is_told_from_a_quick_one() -> None:
    pace = Pace(0.0)
    pace.ended("slow", 10, 15.0)
    pace.ended("quick", 1000, 0.001)

    assert (pace.is_slow("slow"), pace.is_slow("quick"), pace.is_slow("new")) == (
        True,
        False,
        False,
    )
    assert (pace.is_quick("slow"), pace.is_quick("quick"), pace.is_quick("new")) == (
        False,
        True,
        False,
    )


def test_mean_run_follows_what_jobs_take_now() -> None:
    pace = Pace(0.0)
    pace.ended("q", 10, 20.0)
    assert pace.is_slow("q")

    for _ in range(10):
        pace.ended("q", 10, 0.01)

    assert not pace.is_slow("q")


def test_buffer_stays_empty_after_jobs_were_given_back_until_fetches_come_back_full() -> None:
    pace = measured(1000)
    grown(pace)

    pace.empty()
    assert pace.buffer() == 0

    pace.fetched(5, 5, 100)
    assert pace.buffer() == 16


@given(
    st.lists(
        st.tuples(
            st.integers(0, 1000), st.integers(1, 1000), st.integers(0, 10**9), st.floats(0, 10)
        )
    )
)
def test_buffer_is_never_negative_and_never_over_its_limit(
    fetches: list[tuple[int, int, int, float]],
) -> None:
    pace, now = Pace(0.0), 0.0
    for count, credit, size, elapsed in fetches:
        pace.fetched(min(count, credit), credit, size)
        pace.ended("q", max(1, count), elapsed)
        now += elapsed
        pace.measure(now)
        assert 0 <= pace.buffer() <= MAX_BUFFER
