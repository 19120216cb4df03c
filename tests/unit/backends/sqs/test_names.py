"""Names of SQS queues: legal there, and one for each queue, whatever it is called."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from anyjob.backends.sqs.names import BANDS, DEAD, PLAIN, band_of, prefix_of, queue_of, sqs_name

names = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,79}", fullmatch=True)
bands = st.sampled_from([*BANDS, DEAD])
#: What SQS takes (AWS, Amazon SQS standard queue quotas).
LEGAL = re.compile(r"[A-Za-z0-9_-]{1,80}")


@given(names, names, bands)
def test_name_is_legal_with_room_for_a_suffix(namespace: str, queue: str, band: str) -> None:
    name = sqs_name(namespace, queue, band)

    assert LEGAL.fullmatch(name)
    assert len(f"{name}.fifo") <= 80


@given(st.tuples(names, names, bands), st.tuples(names, names, bands))
def test_two_queues_never_share_a_name(
    one: tuple[str, str, str], other: tuple[str, str, str]
) -> None:
    assert (sqs_name(*one) == sqs_name(*other)) is (one == other)


def test_names_that_look_alike_are_told_apart() -> None:
    pairs = [
        ("a", "b"), ("A", "b"), ("a", "b_HIGH"), ("a", "b.HIGH"), ("a", "b-HIGH"), ("a_", "b"),
        ("a", "_b"[1:] + "_"), ("a__b", "c"), ("a", "b__c"), ("a_5f", "b"), ("a", "b_X" + "0" * 28),
    ]  # fmt: skip
    made = [sqs_name(namespace, queue, band) for namespace, queue in pairs for band in BANDS]

    assert len(set(made)) == len(made)


@given(names, names)
def test_queue_is_read_off_its_name_unless_a_hash_hides_it(namespace: str, queue: str) -> None:
    name = sqs_name(namespace, queue, PLAIN)

    assert name.startswith(prefix_of(namespace))
    assert queue_of(namespace, name) in (queue, "")
    assert queue_of(namespace, name) == queue or len(f"{namespace}{queue}") > 20


@given(names, names, st.sampled_from([band for band in (*BANDS, DEAD) if band != PLAIN]))
def test_other_bands_name_no_queue(namespace: str, queue: str, band: str) -> None:
    assert queue_of(namespace, sqs_name(namespace, queue, band)) is None


@given(names, names, bands)
def test_fifo_queue_is_another_one(namespace: str, queue: str, band: str) -> None:
    name, fifo = sqs_name(namespace, queue, band), sqs_name(namespace, queue, band, fifo=True)

    assert fifo == f"{name}.fifo"
    assert queue_of(namespace, fifo, fifo=True) == queue_of(namespace, name)
    assert (queue_of(namespace, fifo), queue_of(namespace, name, fifo=True)) == (None, None)


def test_queue_of_another_namespace_is_none_of_ours() -> None:
    assert queue_of("shop", sqs_name("shop2", "mail", PLAIN)) is None
    assert queue_of("shop", sqs_name("shop_", "mail", PLAIN)) is None
    assert queue_of("shop", "somebody-elses") is None


def test_priorities_fold_into_bands_without_crossing() -> None:
    order = [BANDS.index(band_of(priority)) for priority in range(10)]

    assert order == sorted(order, reverse=True)
    assert {*order} == {0, 1, 2}
