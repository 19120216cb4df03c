"""The note a worker leaves beside a job: the last error and a short history, bounded."""

from __future__ import annotations

from collections import deque
from types import TracebackType
from typing import Any

import msgspec

from anyjob.core.settlement import MAX_NOTE

_MAX_HISTORY = 20
_MAX_MESSAGE = 1000
_MAX_TRACEBACK = 5000
_MAX_FRAMES = 20
_MAX_CHAIN = 5
_MAX_MEMBERS = 5
_MAX_SHORT = 300


class Run(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of a job's history."""

    #: Seconds since the epoch at which it ended.
    at: float
    attempt: int
    #: "retry", "dead", "snoozed" …
    ended: str
    error: str = ""
    worker: str = ""


class Note(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is known of a job's past: the newest runs last."""

    history: tuple[Run, ...] = ()
    #: Of the last error: type name, message, traceback.
    type: str = ""
    message: str = ""
    traceback: str = ""


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Note)


def read_note(data: bytes) -> Note:
    """Return the note in `data`; an empty one for what is none."""
    if not data:
        return Note()
    try:
        return _decoder.decode(data)
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return Note()


def noted(past: bytes, run: Run, error: BaseException | None) -> bytes:
    """Return the note that follows `past` after `run`, at most MAX_NOTE bytes.

    Where it would be longer, old runs go first, then the beginning of the traceback. Without an
    error the last one is kept.
    """
    note = read_note(past)
    history = (*note.history, _bounded_run(run))[-_MAX_HISTORY:]
    if error is None:
        note = msgspec.structs.replace(note, history=history)
    else:
        note = Note(history, *described(error))
    data = _encoder.encode(note)
    while len(data) > MAX_NOTE:
        note = _shortened(note)
        data = _encoder.encode(note)
    return data


def _shortened(note: Note) -> Note:
    if len(note.history) > 1:
        return msgspec.structs.replace(note, history=note.history[1:])
    if note.traceback:
        half = len(note.traceback) // 2 + 1
        return msgspec.structs.replace(
            note, traceback=note.traceback[half:], message=note.message[:200]
        )
    # Only a past that was no note of ours comes so far.
    return Note(note.history)


def _bounded_run(run: Run) -> Run:
    return msgspec.structs.replace(
        run,
        ended=bounded(run.ended, 20),
        error=bounded(run.error, _MAX_SHORT),
        worker=bounded(run.worker, 100),
    )


def described(error: BaseException) -> tuple[str, str, str]:
    """Return type name, message and traceback of an error, each bounded; a raising `__str__` is
    survived.
    """
    return bounded(type(error).__qualname__, 200), text_of(error), _traceback_of(error)


def text_of(error: BaseException) -> str:
    """Return the error's text, at most 1000 characters, encodable, also if its `__str__` raises."""
    try:
        text = str(error)
    except BaseException as second:  # user code: __str__ may raise anything, SystemExit included
        text = f"(its __str__ raised {type(second).__qualname__})"
    return bounded(text, _MAX_MESSAGE)


def _traceback_of(error: BaseException) -> str:
    lines: list[str] = []
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen and len(seen) < _MAX_CHAIN:
        seen.add(id(current))
        lines.insert(0, f"{_frames_of(current)}{_line_of(current)}\n{_members_of(current)}")
        current = current.__cause__ or (
            None if current.__suppress_context__ else current.__context__
        )
    return bounded("\n".join(lines)[-_MAX_TRACEBACK:], _MAX_TRACEBACK)


def _frames_of(error: BaseException) -> str:
    # Not `traceback.format_tb`: for its carets it parses the source of each frame, and it asks the
    # file system for each file; an outage that fails every job would be spent in there.
    places: deque[TracebackType] = deque(maxlen=_MAX_FRAMES)
    place = error.__traceback__
    while place is not None:
        places.append(place)
        place = place.tb_next
    return "".join(map(_frame, places))


def _frame(place: TracebackType) -> str:
    import linecache

    code, line = place.tb_frame.f_code, place.tb_lineno
    try:
        source = linecache.getline(code.co_filename, line, place.tb_frame.f_globals).strip()
    except Exception:  # asks the module's loader, which may be anybody's
        source = ""
    return f'  File "{code.co_filename}", line {line}, in {code.co_qualname}\n    {source[:200]}\n'


def _line_of(error: BaseException) -> str:
    return f"{type(error).__qualname__}: {text_of(error)}"


def _members_of(error: BaseException) -> str:
    """Return the first errors of a group, one line each: its own text does not tell them."""
    if not isinstance(error, BaseExceptionGroup):
        return ""
    return "".join(f"  | {short(member)}\n" for member in error.exceptions[:_MAX_MEMBERS])


def short(error: BaseException) -> str:
    """Return an error as one bounded line."""
    return bounded(" ".join(_line_of(error).split()), _MAX_SHORT)


def bounded(text: str, most: int) -> str:
    """Return the first `most` characters of a text, as UTF-8 can write them."""
    # Lone surrogates are replaced, so that no text stops a settlement.
    return text[:most].encode("utf-8", "replace").decode("utf-8")


def as_plain(note: Note) -> dict[str, Any]:
    """Return the note as plain values, for listings."""
    return msgspec.to_builtins(note)  # type: ignore[no-any-return]
