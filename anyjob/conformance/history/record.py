"""Writing a history from many processes, and reading it back as one."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from anyjob.conformance.history.events import FORMAT, Event, Header
from anyjob.core.errors import ConfigurationError, shown

_encoder = msgspec.json.Encoder()
_events = msgspec.json.Decoder(Event)
_headers = msgspec.json.Decoder(Header)


class Recorder:
    """Appends to one file; one for each process or thread of a history.

    Any thread may write. What `write` returned from survives the death of the process: it is with
    the system, not in a buffer of ours.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def write(self, *events: Event) -> None:
        """Append events, all in one write."""
        self._append(b"".join(_encoder.encode(event) + b"\n" for event in events))

    def _append(self, lines: bytes) -> None:
        with self._lock:
            while lines:
                lines = lines[os.write(self._file, lines) :]

    def close(self) -> None:
        os.close(self._file)


class History(msgspec.Struct, frozen=True):
    """A whole history: its events in the order of the machine's clock."""

    header: Header
    events: Sequence[Event]


def merge(header: Header, files: Iterable[Path]) -> History:
    """Put together what each process wrote.

    A last line that is torn, because its writer was killed in it, is left out. Raises
    ConfigurationError for a damaged one before it.
    """
    events = [event for path in files for event in _read(path, path.read_bytes(), first=1)]
    events.sort(key=lambda event: event.mono)
    return History(header, events)


def save(history: History, path: Path) -> None:
    """Write a history into one file."""
    with path.open("wb") as file:
        file.write(_encoder.encode(history.header) + b"\n")
        file.writelines(_encoder.encode(event) + b"\n" for event in history.events)


def load(path: Path) -> History:
    """Read one file back.

    Raises ConfigurationError for what is no history, is damaged, or is of a newer format.
    """
    try:
        head, _, rest = path.read_bytes().partition(b"\n")
    except OSError as error:
        raise ConfigurationError(f"cannot read the history {path}: {error}") from error
    try:
        header = _headers.decode(head)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"{path} is no history: its first line is no header ({error}); expected a file that"
            " the suite kept of a failed run"
        ) from error
    if header.history != FORMAT:
        raise ConfigurationError(
            f"{path} is a history of format {shown(header.history)}, and this release reads"
            f" {FORMAT}; use the release that wrote it, or a newer one"
        )
    events = _read(path, rest, first=2)
    events.sort(key=lambda event: event.mono)
    return History(header, events)


def _read(path: Path, lines: bytes, *, first: int) -> list[Event]:
    whole, torn = lines.rsplit(b"\n", 1) if b"\n" in lines else (b"", lines)
    try:
        events = _events.decode_lines(whole)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise ConfigurationError(_damaged(path, whole, first)) from None
    try:
        return [*events, _events.decode(torn)] if torn else events
    except (msgspec.DecodeError, UnicodeDecodeError):
        # Its writer was killed in it.
        return events


def _damaged(path: Path, lines: bytes, first: int) -> str:
    """Which line no event can be read from."""
    for number, line in enumerate(lines.split(b"\n"), start=first):
        try:
            _events.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return f"line {number} of {path} is no event of a history: {error}"
    return f"{path} is no history"
