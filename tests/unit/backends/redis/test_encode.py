"""Jobs and settlements as the words that scripts read."""

import hashlib
import math
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from anyjob.backends.redis.encode import microseconds, milliseconds, owner, runs, settled
from anyjob.core.envelope import Envelope, Unique
from anyjob.core.settlement import (
    Abandon,
    Bury,
    Complete,
    End,
    Lease,
    Release,
    Retry,
    Settlement,
)


def envelope(id: str, queue: str = "mail", **fields: Any) -> Envelope:
    return Envelope(id, queue, f"body of {id}".encode(), **fields)


def lease(id: str, priority: int = 5, token: int = 1) -> Lease:
    return Lease(id, "mail", token, b"", priority, 1, 0, b"", 0.0, 30.0)


def own(id: str) -> list[str | bytes]:
    return [id, b"5:0000000000000001"]


@pytest.mark.parametrize(
    ("seconds", "whole"),
    [(0.0, 0), (0.001, 1), (0.0011, 2), (1e-9, 1), (30, 30_000), (1e300, 10_000_000_000_000)],
)
def test_durations_are_rounded_up_to_whole_milliseconds(seconds: float, whole: int) -> None:
    assert milliseconds(seconds) == whole


@pytest.mark.parametrize(
    ("seconds", "whole"), [(0.0, 0), (1e-9, 1), (0.5, 500_000), (1e300, 10**16)]
)
def test_delays_are_rounded_up_to_whole_microseconds(seconds: float, whole: int) -> None:
    assert microseconds(seconds) == whole
    assert math.isfinite(microseconds(seconds))


def test_owner_is_priority_and_token() -> None:
    assert owner(lease("a", priority=9, token=(7 << 32) | 3)) == b"9:0000000700000003"


def test_jobs_of_one_kind_are_one_run() -> None:
    count, words = runs([envelope("a"), envelope("b")], {"mail": 1})

    assert count == 1
    assert words == [1, 5, b"", 0, 0, 2, "a", b"body of a", "b", b"body of b"]


def test_run_ends_where_queue_priority_due_or_key_changes_and_order_stays() -> None:
    jobs = [
        envelope("a"),
        envelope("b", "files"),
        envelope("c", "files", priority=9),
        envelope("d", "files", priority=9, due=1.0),
        envelope("e", "files", priority=9, due=1.0, unique=Unique("k")),
        envelope("f"),
    ]

    count, words = runs(jobs, {"mail": 1, "files": 2})

    assert count == 6
    assert [word for word in words if word in set("abcdef")] == list("abcdef")
    assert words[-8:] == [1, 5, b"", 0, 0, 1, "f", b"body of f"]


def test_no_jobs_are_no_run() -> None:
    assert runs([], {}) == (0, [])


@pytest.mark.parametrize(
    ("due", "word"),
    [
        (0.0, b"+0"),
        (0.25, b"+250000"),
        (1e-9, b"+1"),
        (datetime(1970, 1, 1, 0, 0, 1, 5, tzinfo=UTC), b"@1000005"),
        (datetime(1970, 1, 1, 2, tzinfo=timezone(timedelta(hours=2))), b"@0"),
        (datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC), b"@-1000000"),
        (datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC), b"@253402300799999999"),
    ],
)
def test_due_is_microseconds_from_now_or_since_the_epoch(
    due: float | datetime, word: bytes
) -> None:
    _, words = runs([envelope("a", due=due)], {"mail": 1})

    assert words[2] == word


def test_unique_key_is_a_digest_and_its_time_whole_milliseconds() -> None:
    jobs = [
        envelope("a", unique=Unique("order\0 7")),
        envelope("b", unique=Unique("order 8", ttl=0.0001)),
    ]

    count, words = runs(jobs, {"mail": 1})

    digest = hashlib.blake2b(b"order\0 7", digest_size=16).digest()
    assert count == 1
    assert words[6:10] == ["a", b"body of a", digest, 0]
    assert words[13] == 1


def test_plain_completions_come_first_and_answers_are_told_apart() -> None:
    lot: list[Settlement] = [
        Retry(lease=lease("a"), delay=0.5),
        Complete(lease=lease("b")),
        Complete(lease=lease("c"), note=b"said"),
        Complete(lease=lease("d")),
    ]

    words, order = settled(lot, {"mail": 1})

    assert order == [1, 3, 0, 2]
    assert words[:7] == [2, 2, 0, *own("b"), *own("d")]
    assert words[7:] == [
        *(b"R", *own("a"), 500_000, 0, b"", b""),
        *(b"C", *own("c"), b"", 0, b"=said", b""),
    ]


@pytest.mark.parametrize(
    ("settlement", "kind", "argument"),
    [
        (End(lease=lease("a"), state="expired"), b"X", b""),
        (End(lease=lease("a"), state="cancelled"), b"D", b""),
        (Retry(lease=lease("a"), delay=1), b"R", 1_000_000),
        (Release(lease=lease("a")), b"L", 0),
        (Bury(lease=lease("a"), reason="why"), b"B", b"why"),
        (Bury(lease=lease("a"), reason="why", ran=False), b"U", b"why"),
        (Bury(lease=lease("a"), reason="é \udc80"), b"B", b"\xc3\xa9 \\udc80"),
        (Abandon(lease=lease("a")), b"A", b""),
    ],
)
def test_each_settlement_has_its_letter(
    settlement: Settlement, kind: bytes, argument: object
) -> None:
    words, _ = settled([settlement], {"mail": 1})

    assert words == [0, 1, 0, kind, *own("a"), argument, 0, b"", b""]


def test_empty_note_and_outcome_are_told_from_none() -> None:
    words, _ = settled([Complete(lease=lease("a"), note=b"", outcome=b"", keep=0.0001)], {})

    assert words[3:] == [b"C", *own("a"), b"", 1, b"=", b"="]


def test_children_carry_the_number_of_their_settlement_and_keep_the_order_of_settling() -> None:
    lot: list[Settlement] = [
        Complete(lease=lease("a"), note=b"", then=(envelope("a1"), envelope("a2"))),
        Complete(lease=lease("b"), then=(envelope("b1", "files"),)),
        Complete(lease=lease("c")),
    ]

    words, order = settled(lot, {"mail": 1, "files": 2})

    assert order == [1, 2, 0]
    assert words[:3] == [2, 1, 2]
    assert words[14:] == [
        *(1, 5, b"", 0, 3, 2, "a1", b"body of a1", "a2", b"body of a2"),
        *(2, 5, b"", 0, 1, 1, "b1", b"body of b1"),
    ]
