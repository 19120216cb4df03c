"""How a fetch is divided among queues and priorities."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from anyjob.backends.shares import LowEnd, Ring, Turns
from anyjob.core.backend import QueueShare


def ring(*weights: int) -> Ring:
    return Ring([QueueShare(f"q{n}", weight) for n, weight in enumerate(weights)])


def test_one_queue_gets_what_it_has_or_all_the_credit() -> None:
    assert ring(3).allot(10, [4]) == [4]
    assert ring(3).allot(10, [40]) == [10]


def test_a_large_credit_is_divided_by_weight() -> None:
    assert ring(3, 1).allot(400, [1000, 1000]) == [300, 100]


def test_single_fetches_add_up_to_the_weights() -> None:
    shares = ring(3, 1)

    got: Counter[int] = Counter()
    for _ in range(1000):
        got[shares.allot(1, [5, 5]).index(1)] += 1

    assert got == {0: 750, 1: 250}


def test_what_an_empty_queue_leaves_goes_to_the_others() -> None:
    assert ring(1, 9).allot(10, [100, 2]) == [8, 2]


def test_an_idle_queue_saves_up_nothing() -> None:
    shares = ring(1, 1)
    for _ in range(100):
        shares.allot(1, [5, 0])

    assert shares.allot(10, [100, 100]) == [5, 5]


@given(
    st.lists(st.tuples(st.integers(1, 20), st.integers(0, 50)), min_size=1, max_size=6),
    st.lists(st.integers(1, 100), min_size=1, max_size=5),
)
def test_a_division_is_full_and_gives_nobody_more_than_it_has(
    queues: list[tuple[int, int]], credits: list[int]
) -> None:
    available = [jobs for _, jobs in queues]
    shares = ring(*(weight for weight, _ in queues))

    for credit in credits:
        parts = shares.allot(credit, available)

        assert sum(parts) == min(credit, sum(available))
        assert all(0 <= part <= have for part, have in zip(parts, available, strict=True))


def test_one_job_in_sixteen_is_of_the_low_end_however_they_are_fetched() -> None:
    one_by_one, by_lots = LowEnd(), LowEnd()

    assert sum(one_by_one.part(1) for _ in range(1600)) == 100
    assert sum(by_lots.part(25) for _ in range(64)) == 100


def test_the_priority_to_start_at_goes_round() -> None:
    low_end = LowEnd()

    assert [low_end.start() for _ in range(12)] == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]


def _served(turns: Turns, credit: int, jobs: dict[str, int], **limits: int) -> dict[str, int]:
    """How many of each queue a fetch of so much credit takes, where there are so many."""
    served = dict.fromkeys(jobs, 0)

    def take(queue: str, part: int) -> int:
        taken = min(part, jobs[queue])
        jobs[queue] -= taken
        served[queue] += taken
        return taken

    turns.serve(credit, limits, take)
    return served


def test_turns_divide_by_weight() -> None:
    turns = Turns([QueueShare("a", 3), QueueShare("b", 1)])
    jobs = {"a": 10_000, "b": 10_000}
    total = {"a": 0, "b": 0}

    for _ in range(400):
        for queue, count in _served(turns, 1, jobs).items():
            total[queue] += count

    assert total == {"a": 300, "b": 100}


def test_empty_queue_leaves_its_part_and_saves_up_no_more_than_a_fetch() -> None:
    turns = Turns([QueueShare("a"), QueueShare("b")])

    for _ in range(100):
        assert _served(turns, 10, {"a": 100, "b": 0}) == {"a": 10, "b": 0}
    after = [_served(turns, 10, {"a": 100, "b": 100})["b"] for _ in range(20)]

    assert 100 <= sum(after) <= 105


def test_limit_of_a_queue_leaves_the_rest_to_others() -> None:
    turns = Turns([QueueShare("a"), QueueShare("b")])

    assert _served(turns, 10, {"a": 100, "b": 100}, a=2) == {"a": 2, "b": 8}
    assert _served(turns, 10, {"a": 100, "b": 100}, a=0, b=0) == {"a": 0, "b": 0}
