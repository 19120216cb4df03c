"""A file that says which test failed, and under what, so that it can be run again."""

from __future__ import annotations

from pathlib import Path

import msgspec

from anyjob.conformance.catalogue import shown_by
from anyjob.conformance.effort import Effort
from anyjob.conformance.engine.known import WrongUse
from anyjob.conformance.engine.outcome import Outcome
from anyjob.conformance.engine.profiles import PARTS
from anyjob.conformance.manifest import CONTRACT

FOLDER = Path(".anyjob-conformance")
VERSION = 1


class Replay(msgspec.Struct, frozen=True):
    """One failure, to be met again."""

    replay: int
    contract: str
    #: The release of anyjob.
    suite: str
    harness: str
    effort: Effort
    property: str
    test: str
    status: str
    message: str

    def is_same(self, outcome: Outcome) -> bool:
        """Whether a test failed as it did then."""
        return (outcome.status.value, _head(outcome.message)) == (self.status, _head(self.message))


def write_replay(outcome: Outcome, harness: str, effort: Effort, folder: Path) -> Path:
    """Write what it takes to meet a failure again; returns the file."""
    from anyjob import __version__

    property_id = (outcome.broken or outcome.properties)[0]
    replay = Replay(
        replay=VERSION,
        contract=CONTRACT,
        suite=__version__,
        harness=harness,
        effort=effort,
        property=property_id,
        test=outcome.test,
        status=outcome.status.value,
        message=outcome.message,
    )
    folder.mkdir(parents=True, exist_ok=True)
    name = outcome.test.partition("/")[2].removeprefix("test_").replace("[", "-").rstrip("]")
    path = folder / f"{name}.json"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(replay), indent=2) + b"\n")
    return path


def read_replay(path: Path) -> Replay:
    """Read such a file; raises WrongUse for one that is damaged, foreign or of another suite."""
    try:
        replay = msgspec.json.decode(path.read_bytes(), type=Replay)
    except OSError as error:
        raise WrongUse(f"cannot read {path}: {error.strerror}; name a file of a failure") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise WrongUse(
            f"{path} is no replay file, or a damaged one: {error}; name one that a run wrote"
        ) from error
    known = {f"{each}/{test}" for each in PARTS for test in shown_by(each)}
    if replay.replay != VERSION or replay.test.partition("[")[0] not in known:
        raise WrongUse(
            f"{path} is of anyjob {replay.suite}, whose test {replay.test!r} this suite has not;"
            " run the whole suite"
        )
    return replay


def is_history(path: Path) -> bool:
    """Whether a file is a recorded history: its first line is an object with `history` in it."""
    try:
        with path.open("rb") as file:
            head = msgspec.json.decode(file.readline())
    except (OSError, msgspec.MsgspecError):
        return False
    return isinstance(head, dict) and "history" in head


def _head(message: str) -> str:
    return message.partition("\n")[0]
