"""Names of the broker's: one for each thing, and none for two."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyjob.backends.bands import BANDS
from anyjob.backends.rabbitmq.names import Names, as_word

NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,6}", fullmatch=True)


@given(st.lists(st.tuples(NAMES, NAMES), min_size=2, max_size=6, unique=True))
def test_queues_of_namespaces_have_no_name_in_common(pairs: list[tuple[str, str]]) -> None:
    names = [
        name
        for namespace, queue in pairs
        for name in (
            *Names(namespace, 3).bands(queue),
            Names(namespace, 3).dead(queue),
        )
    ]

    assert len(set(names)) == len(names)
    words = [as_word(name) for name in names]
    assert len(set(words)) == len(words)
    assert not any("." in word for word in words)


@pytest.mark.parametrize("bands", BANDS)
def test_bands_keep_the_order_of_the_priorities(bands: int) -> None:
    names = Names("anyjob", bands)

    floors = [names.floor(priority) for priority in range(10)]

    assert floors == sorted(floors)
    assert len(set(floors)) == bands
    assert all(one <= other for one, other in itertools.pairwise(floors))


def test_other_bands_have_other_queues() -> None:
    shared = set(Names("anyjob", 3).bands("mail")) & set(Names("anyjob", 10).bands("mail"))

    # The floors in common serve fewer priorities there, and none that they did not serve before.
    assert shared == {Names("anyjob", 3).band("mail", floor) for floor in (7, 4, 0)}
