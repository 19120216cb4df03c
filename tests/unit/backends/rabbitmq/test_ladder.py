"""Delays as sums of levels."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from anyjob.backends.rabbitmq import ladder

DELAYS = st.floats(0.001, ladder.LONGEST)


@given(DELAYS)
def test_levels_of_a_delay_sum_to_it_and_hardly_more(delay: float) -> None:
    count = ladder.units(delay)

    held = sum(ladder.ttl_ms(level) for level in range(ladder.LEVELS) if count >> level & 1) / 1000

    assert delay <= held <= delay + ladder.UNIT + min(0.01 * delay, 10.0)


@given(DELAYS)
def test_key_leads_through_the_levels_of_a_delay_and_no_other(delay: float) -> None:
    count = ladder.units(delay)

    visited = visits(ladder.routing_key(count, "address"), ladder.entry(count))

    assert sum(2**level for level in visited) == count
    assert visited == sorted(visited, reverse=True)


@given(st.integers(1, 2**ladder.LEVELS - 1))
def test_rounded_delay_takes_no_more_hops(count: int) -> None:
    chosen = ladder.units(count * ladder.UNIT)

    assert chosen.bit_count() <= count.bit_count()


def test_day_takes_few_hops() -> None:
    assert ladder.units(86_399.0).bit_count() <= 5


def test_delay_of_any_length_comes_out() -> None:
    assert ladder.units(ladder.LONGEST) == 2**ladder.LEVELS - 1
    assert ladder.units(1e-9) == 1


def visits(key: str, entry: int) -> list[int]:
    """The levels that hold a message of this key, as the bindings of topic exchanges lead it."""
    held = []
    for level in range(entry, -1, -1):
        [bit] = [bit for bit in (0, 1) if matches(ladder.pattern(level, bit), key)]
        if bit:
            held.append(level)
    assert matches(ladder.delivery_pattern("address"), key)
    assert not matches(ladder.delivery_pattern("other"), key)
    return held


def matches(pattern: str, key: str) -> bool:
    """As a topic exchange has it: '*' is one word, and a '#' at the end any number of them."""
    wanted, words = pattern.split("."), key.split(".")
    if wanted[-1] == "#":
        wanted.pop()
        words = words[: len(wanted)]
    return len(wanted) == len(words) and all(
        want in ("*", word) for want, word in zip(wanted, words, strict=True)
    )
