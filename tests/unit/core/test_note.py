"""The note beside a job: bounded, encodable, and written whatever the error does."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyjob.core.note import (
    Note,
    Run,
    as_plain,
    bounded,
    described,
    noted,
    read_note,
    short,
    text_of,
)
from anyjob.core.settlement import MAX_NOTE
from tests.unit.core.cases import raised

RUN = Run(at=1.0, attempt=1, ended="retry", error="ValueError: no", worker="host-1")


class Unprintable(Exception):
    def __str__(self) -> str:
        raise SystemExit("not even this")


class NotText(Exception):
    def __str__(self) -> str:
        return 5  # type: ignore[return-value]  # noqa: PLE0307 - a liar is the case


def chained(length: int) -> BaseException:
    error: BaseException = ValueError("first")
    for number in range(length):
        following = RuntimeError(f"cause {number}")
        following.__cause__ = error
        error = raised(following)
    return error


def deep() -> BaseException:
    def fall(depth: int) -> None:
        if depth == 0:
            raise ValueError("bottom of the well")
        fall(depth - 1)

    try:
        fall(500)
    except ValueError as error:
        return error
    raise AssertionError


def in_a_circle() -> BaseException:
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first
    return first


def oddly_named() -> BaseException:
    class Odd(Exception):
        pass

    Odd.__qualname__ = "\udcff" * 5000
    return Odd("odd")


HOSTILE = {
    "raising __str__": Unprintable(),
    "__str__ that gives no text": NotText(),
    "50 MB text": ValueError("x" * 50_000_000),
    "lone surrogates": ValueError("\ud800" * 5000),
    "control characters": ValueError("\x00\x1b[31m" * 5000),
    "emoji": ValueError("🧨" * 5000),
    "100 causes": chained(100),
    "500 frames": deep(),
    "circle of causes": in_a_circle(),
    "odd name": oddly_named(),
    "group of 1000": ExceptionGroup("many", [ValueError("\x00" * 999) for _ in range(1000)]),
    "exit": SystemExit(3),
}


@pytest.mark.parametrize("error", HOSTILE.values(), ids=HOSTILE)
def test_note_of_any_error_is_bounded_and_can_be_read(error: BaseException) -> None:
    data = b""
    for attempt in range(1, 30):
        run = msgspec.structs.replace(RUN, attempt=attempt, error=short(error))
        data = noted(data, run, raised(error))

    assert len(data) <= MAX_NOTE
    note = read_note(data)
    assert note.history[-1].attempt == 29
    assert note.type
    assert note.traceback


@given(st.binary(max_size=300), st.text(), st.text(), st.text())
def test_note_follows_any_past_and_any_text(
    past: bytes, text: str, ended: str, worker: str
) -> None:
    run = Run(at=1.0, attempt=2, ended=ended, error=text, worker=worker)

    data = noted(past, run, ValueError(text))

    assert len(data) <= MAX_NOTE
    assert read_note(data).history[-1].attempt == 2


@pytest.mark.parametrize(
    "past",
    [
        Note((Run(1.0, 1, "x" * 100_000),)),
        Note(traceback="x" * 100_000),
        Note(message="x" * 100_000, type="y" * 100_000),
        Note(tuple(RUN for _ in range(10_000))),
    ],
    ids=["long run", "long traceback", "long message", "many runs"],
)
def test_note_after_an_endless_past_is_bounded(past: Note) -> None:
    data = noted(msgspec.json.encode(past), RUN, None)

    assert len(data) <= MAX_NOTE
    assert read_note(data).history[-1] == RUN


def test_history_keeps_the_newest_twenty_runs_in_order() -> None:
    data = b""
    for attempt in range(1, 31):
        data = noted(data, Run(at=1.0, attempt=attempt, ended="retry"), None)

    assert [run.attempt for run in read_note(data).history] == list(range(11, 31))


def test_end_without_an_error_keeps_the_last_one() -> None:
    failed = noted(b"", RUN, raised(ValueError("boom")))

    snoozed = read_note(noted(failed, msgspec.structs.replace(RUN, ended="snoozed"), None))

    assert (snoozed.type, snoozed.message) == ("ValueError", "boom")
    assert [run.ended for run in snoozed.history] == ["retry", "snoozed"]


def test_old_runs_make_room_before_the_traceback_does() -> None:
    error = raised(ValueError("x" * 1000))
    data = b""
    for attempt in range(1, 21):
        run = Run(at=1.0, attempt=attempt, ended="retry", error="e" * 300, worker="w" * 100)
        data = noted(data, run, error)

    note = read_note(data)
    assert 1 < len(note.history) < 20
    assert note.traceback.endswith(f"ValueError: {'x' * 1000}\n")


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"5", b"\xff", b'{"history":5}', b"[" * 99_999])
def test_what_is_no_note_reads_as_an_empty_one(data: bytes) -> None:
    assert read_note(data) == Note()


def test_traceback_shows_where_it_was_raised_and_why() -> None:
    try:
        try:
            raise KeyError("inner")
        except KeyError as inner:
            raise ValueError("outer") from inner
    except ValueError as error:
        kind, message, trace = described(error)

    assert (kind, message) == ("ValueError", "outer")
    assert trace.index("KeyError: 'inner'") < trace.index("ValueError: outer")
    assert 'raise ValueError("outer") from inner' in trace
    assert "test_traceback_shows_where_it_was_raised_and_why" in trace


def test_traceback_survives_a_loader_that_has_no_source() -> None:
    class Loader:
        def get_source(self, name: str) -> str:
            raise RuntimeError("no source today")

    scope = {"__name__": "made", "__loader__": Loader()}
    exec(compile("def task():\n    raise ValueError('boom')", "<made>.py", "exec"), scope)
    task: Any = scope["task"]

    with pytest.raises(ValueError, match="boom") as raised_by_task:
        task()

    trace = described(raised_by_task.value)[2]
    assert 'File "<made>.py", line 2, in task' in trace
    assert trace.endswith("ValueError: boom\n")


def test_traceback_keeps_the_innermost_frames() -> None:
    trace = described(deep())[2]

    assert 'raise ValueError("bottom of the well")' in trace
    assert trace.count("in deep.<locals>.fall") == 20


def test_traceback_follows_the_context_unless_it_was_suppressed() -> None:
    try:
        try:
            raise KeyError("inner")
        except KeyError:
            raise ValueError("outer")  # noqa: B904 - the context is the case
    except ValueError as error:
        with_context = described(error)[2]
        error.__suppress_context__ = True
        without = described(error)[2]

    assert "KeyError" in with_context
    assert "KeyError" not in without


def test_traceback_of_a_group_names_its_first_members() -> None:
    group = ExceptionGroup("unhandled", [ValueError(f"part {n}") for n in range(9)])

    trace = described(raised(group))[2]

    assert "  | ValueError: part 0\n  | ValueError: part 1\n" in trace
    assert "part 5" not in trace


def test_text_of_a_raising_error_says_so() -> None:
    assert text_of(Unprintable()) == "(its __str__ raised SystemExit)"


def test_short_error_is_one_line() -> None:
    assert short(ValueError("a\n b\tc\r\n" + "d" * 999)).startswith("ValueError: a b c dddd")
    assert len(short(ValueError("d" * 999))) == 300


@given(st.text(st.characters()), st.integers(0, 20))
def test_bounded_text_can_be_written(text: str, most: int) -> None:
    cut = bounded(text, most)

    assert len(cut) <= most
    cut.encode()


def test_note_as_plain_values_is_json() -> None:
    plain = as_plain(read_note(noted(b"", RUN, None)))

    assert json.loads(json.dumps(plain)) == {
        "history": [
            {
                "at": 1.0,
                "attempt": 1,
                "ended": "retry",
                "error": "ValueError: no",
                "worker": "host-1",
            }
        ]
    }
