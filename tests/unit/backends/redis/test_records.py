"""What scripts answer, as values of the contract."""

import pytest

from anyjob.backends.redis import records
from anyjob.core.backend import CancelResult, Counts
from anyjob.core.settlement import Lease
from anyjob.core.state import State

HEAD = b"7" + bytes(6)


def test_leases_carry_what_was_stored_and_what_happened() -> None:
    found: list[Lease] = []
    reply = [
        *(0, 0, 0),
        [b"a", b"b"],
        [HEAD + b"body:a", HEAD],
        [b"", b"2:1:1764399124000:note:with colons"],
    ]

    records.leases("mail", reply, 77, 100.0, 130.0, found)

    first, second = found
    assert (first.id, first.queue, first.token, first.priority) == ("a", "mail", 77, 7)
    assert (first.body, first.attempt, first.redeliveries, first.note) == (b"body:a", 1, 0, b"")
    assert (first.now, first.until) == (100.0, 130.0)
    assert (second.body, second.attempt, second.redeliveries, second.note) == (
        b"",
        3,
        1,
        b"note:with colons",
    )


def row(letter: bytes, **fields: object) -> list[object]:
    said: dict[str, object] = {
        **{"priority": b"3", "attempts": 2, "redeliveries": 1, "note": b"n", "value": b""},
        **{"time": b"1500", "reason": b"", "outcome": b""},
        **fields,
    }
    return [b"id-1", letter, *said.values()]


@pytest.mark.parametrize(
    ("letter", "state", "due", "until", "ended"),
    [
        (b"R", State.READY, None, None, None),
        (b"W", State.SCHEDULED, 1.5, None, None),
        (b"L", State.LEASED, None, 1.5, None),
        (b"D", State.DEAD, None, None, 1.5),
        (b"S", State.SUCCEEDED, None, None, 1.5),
        (b"X", State.EXPIRED, None, None, 1.5),
        (b"C", State.CANCELLED, None, None, 1.5),
    ],
)
def test_time_of_a_record_means_what_its_state_says(
    letter: bytes, state: State, due: float | None, until: float | None, ended: float | None
) -> None:
    found = records.record("mail", row(letter))

    assert found is not None
    assert (found.state, found.due, found.until, found.ended) == (state, due, until, ended)
    assert (found.id, found.queue, found.priority) == ("id-1", "mail", 3)
    assert (found.attempts, found.redeliveries, found.note) == (2, 1, b"n")


def test_empty_body_reason_and_outcome_are_told_from_none() -> None:
    bare = records.record("mail", row(b"S", time=b""))
    full = records.record("mail", row(b"D", value=HEAD, reason=b"=", outcome=b"="))

    assert bare is not None
    assert (bare.body, bare.reason, bare.outcome, bare.ended) == (None, None, None, None)
    assert full is not None
    assert (full.body, full.reason, full.outcome) == (b"", "", b"")


def test_unknown_job_is_none() -> None:
    assert records.record("mail", None) is None


def test_counts_have_an_age_only_where_something_is_ready() -> None:
    assert records.counts([1, 2, 3, 4, 2500]) == Counts(1, 2, 3, 4, 2.5)
    assert records.counts([0, 0, 0, 0, -1]) == Counts(0, 0, 0, 0, None)


def test_cancel_results_have_a_letter_each() -> None:
    assert records.cancel_results(b"CREU") == [
        CancelResult.CANCELLED,
        CancelResult.RUNNING,
        CancelResult.ENDED,
        CancelResult.UNKNOWN,
    ]


@pytest.mark.parametrize(
    ("state", "cursor", "known"),
    [
        (State.READY, "5:12", True),
        (State.READY, "5:-12", True),
        (State.READY, "10:1", False),
        (State.READY, "5:1e3", False),
        (State.READY, "", False),
        (State.SCHEDULED, "1764399124000:5:any id\n", True),
        (State.SCHEDULED, "9e+15:0:id", True),
        (State.SCHEDULED, "1764399124000:id", False),
        (State.DEAD, "12:id", True),
        (State.DEAD, "twelve:id", False),
        (State.LEASED, "id:anything", True),
        (State.LEASED, "anything", False),
    ],
)
def test_cursor_is_known_by_its_form(state: State, cursor: str, known: bool) -> None:
    assert records.is_cursor(state, cursor) is known
