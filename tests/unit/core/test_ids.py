"""Ids: UUIDv7, unique, and sorted by the time they were made."""

import random
from concurrent.futures import ThreadPoolExecutor
from uuid import RFC_4122, UUID

from hypothesis import given
from hypothesis import strategies as st

from anyjob.core.ids import IdMaker

NOW = 1_767_225_600.0


@given(st.floats(0, 2**47 / 1000), st.integers())
def test_id_is_a_canonical_uuid_version_7_of_its_millisecond(now: float, seed: int) -> None:
    text = IdMaker(random.Random(seed).getrandbits)(now)

    parsed = UUID(text)
    assert str(parsed) == text
    assert (parsed.version, parsed.variant) == (7, RFC_4122)
    assert parsed.int >> 80 == int(now * 1000)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=50), st.integers())
def test_ids_made_later_sort_later(steps: list[float], seed: int) -> None:
    maker = IdMaker(random.Random(seed).getrandbits)
    now = NOW
    made = []
    for step in steps:
        now += step
        made.append(maker(now))

    assert made == sorted(made)
    assert len(set(made)) == len(made)


def test_highest_random_start_neither_overflows_nor_breaks_the_form() -> None:
    maker = IdMaker(lambda bits: 2**bits - 1)

    made = [maker(NOW) for _ in range(1000)]

    assert made == sorted(set(made))
    assert {len(text) for text in made} == {36}


def test_ids_of_one_instant_are_unique_over_threads_and_makers() -> None:
    chance = random.Random(1).getrandbits
    makers = [IdMaker(chance) for _ in range(4)]

    with ThreadPoolExecutor(8) as threads:
        lots = threads.map(lambda n: [makers[n % 4](NOW) for _ in range(5000)], range(16))
        made = [text for lot in lots for text in lot]

    assert len(set(made)) == 80_000


def test_ids_stay_unique_when_the_wall_clock_jumps_back() -> None:
    maker = IdMaker(random.Random(1).getrandbits)

    assert len({maker(NOW), maker(NOW - 60), maker(NOW), maker(NOW - 60)}) == 4
