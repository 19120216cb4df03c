"""Who leads, who waits, who withdraws."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from anyjob.backends.sqlite.errors import translated
from anyjob.backends.sqlite.writer import Uncertain, Writer
from anyjob.core.errors import AnyjobError, BackendFull, BackendUnavailable


class Ground:
    """A file whose turn the test gives."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self.turn = threading.Event()
        self.turn.set()
        self.asked = threading.Event()
        self.filled = 0

    def writing(self) -> sqlite3.Connection:
        return self.connection

    def lock(self, deadline: float) -> bool:
        self.asked.set()
        return self.turn.wait(max(0.0, deadline - time.monotonic()))

    def unlock(self) -> None:
        self.asked.clear()

    def translate(self, error: sqlite3.Error | sqlite3.Warning) -> AnyjobError:
        return translated(error, self._path)

    def ran_full(self) -> None:
        self.filled += 1

    def committed(self) -> None:
        """Nobody waits for it here."""


@pytest.fixture
def ground(path: Path) -> Iterator[Ground]:
    ground = Ground(path)
    with closing(ground.connection):
        ground.connection.execute("CREATE TABLE done (who TEXT)")
        yield ground


@pytest.fixture
def writer(ground: Ground) -> Writer:
    return Writer(ground)


class Caller(threading.Thread):
    """A thread that writes its name, and keeps what it was told."""

    def __init__(self, writer: Writer, name: str, *, seconds: float = 30.0) -> None:
        super().__init__(name=name)
        self._writer = writer
        self._seconds = seconds
        self.error: BaseException | None = None

    def work(self, connection: sqlite3.Connection) -> str:
        connection.execute("INSERT INTO done VALUES (?)", (self.name,))
        return self.name

    def run(self) -> None:
        try:
            assert self._writer.run(self.work, seconds=self._seconds) == self.name
        except BaseException as error:
            self.error = error


class Failing(Caller):
    """One whose work raises."""

    def __init__(self, writer: Writer, name: str, raised: BaseException) -> None:
        super().__init__(writer, name)
        self._raised = raised

    def work(self, connection: sqlite3.Connection) -> str:
        super().work(connection)
        raise self._raised


def done(ground: Ground) -> list[str]:
    return sorted(who for (who,) in ground.connection.execute("SELECT who FROM done"))


def gather(ground: Ground, writer: Writer, first: Caller, *others: Caller) -> None:
    """Let `first` lead and wait for its turn until all others have come, then give it."""
    ground.turn.clear()
    first.start()
    ground.asked.wait(10)
    for other in others:
        other.start()
    while len(writer._waiting) < 1 + len(others):  # noqa: SLF001 - nothing else tells
        pass


def finish(ground: Ground, *callers: Caller) -> None:
    ground.turn.set()
    for caller in callers:
        caller.join(timeout=20)
        assert not caller.is_alive()


def test_all_who_wait_share_one_commit(ground: Ground, writer: Writer) -> None:
    callers = [Caller(writer, name) for name in "abcd"]

    gather(ground, writer, *callers)
    finish(ground, *callers)

    assert [caller.error for caller in callers] == [None] * 4
    assert writer.commits == 1
    assert done(ground) == ["a", "b", "c", "d"]


def test_who_waits_too_long_withdraws_and_nothing_of_it_is_done(
    ground: Ground, writer: Writer
) -> None:
    leader, hasty = Caller(writer, "leader"), Caller(writer, "hasty", seconds=0.05)

    gather(ground, writer, leader, hasty)
    hasty.join(timeout=10)
    finish(ground, leader)

    assert isinstance(hasty.error, BackendUnavailable)
    assert hasty.error.retryable
    assert leader.error is None
    assert done(ground) == ["leader"]


def test_next_one_leads_when_the_leader_got_no_turn(ground: Ground, writer: Writer) -> None:
    hasty, patient = Caller(writer, "hasty", seconds=0.05), Caller(writer, "patient")

    gather(ground, writer, hasty, patient)
    hasty.join(timeout=10)
    finish(ground, patient)

    assert isinstance(hasty.error, BackendUnavailable)
    assert patient.error is None
    assert done(ground) == ["patient"]


def test_piece_that_raises_is_alone_with_its_error(ground: Ground, writer: Writer) -> None:
    wrong = Failing(writer, "wrong", ValueError("no"))
    callers = [Caller(writer, "a"), wrong, Caller(writer, "b")]

    gather(ground, writer, *callers)
    finish(ground, *callers)

    assert isinstance(wrong.error, ValueError)
    assert [callers[0].error, callers[2].error] == [None, None]
    assert done(ground) == ["a", "b"]


@pytest.mark.parametrize("place", [0, 1])
def test_interrupt_leaves_nobody_waiting(ground: Ground, writer: Writer, place: int) -> None:
    interrupted = Failing(writer, "interrupted", KeyboardInterrupt())
    callers: list[Caller] = [Caller(writer, "a")]
    callers.insert(place, interrupted)

    gather(ground, writer, *callers)
    finish(ground, *callers)

    # Whoever leads meets the interrupt; the other is not told that nothing was done.
    assert {type(caller.error) for caller in callers} == {KeyboardInterrupt, Uncertain}
    assert done(ground) == []
    assert writer.run(Caller(writer, "later").work) == "later"


def test_interrupt_while_waiting_for_the_turn_hands_the_lead_on(
    ground: Ground, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    follower = Caller(writer, "follower")
    plain = ground.lock

    def interrupted(deadline: float) -> bool:
        monkeypatch.setattr(ground, "lock", plain)
        follower.start()
        while len(writer._waiting) < 2:  # noqa: SLF001 - nothing else tells
            pass
        raise KeyboardInterrupt

    monkeypatch.setattr(ground, "lock", interrupted)
    with pytest.raises(KeyboardInterrupt):
        writer.run(Caller(writer, "leader").work)

    finish(ground, follower)
    assert done(ground) == ["follower"]


def test_essential_piece_is_repeated_on_a_full_disk(ground: Ground, writer: Writer) -> None:
    pages = ground.connection.execute("PRAGMA page_count").fetchone()[0]
    ground.connection.execute(f"PRAGMA max_page_count={pages}")

    def large(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO done VALUES (?)", ("x" * 100_000,))

    with pytest.raises(BackendFull):
        writer.run(large, essential=False)
    assert ground.filled == 1

    with pytest.raises(BackendFull):
        writer.run(large, essential=True)
    assert ground.filled == 2

    writer.run(Caller(writer, "small").work, essential=False)
    assert done(ground) == ["small"]


def test_who_is_alone_is_alone(ground: Ground, writer: Writer) -> None:
    leader, seen = Caller(writer, "leader"), []
    gather(ground, writer, leader)
    alone = threading.Thread(target=writer.run_alone, args=[lambda: seen.extend(done(ground))])
    alone.start()
    while len(writer._waiting) < 2:  # noqa: SLF001 - nothing else tells
        pass

    finish(ground, leader)
    alone.join(timeout=10)

    assert seen == ["leader"]
    assert not ground.connection.in_transaction


def test_who_cannot_be_alone_in_time_does_nothing(ground: Ground, writer: Writer) -> None:
    leader, ran = Caller(writer, "leader"), []
    gather(ground, writer, leader)

    with pytest.raises(BackendUnavailable, match="turn to write"):
        writer.run_alone(lambda: ran.append("alone"), seconds=0.05)
    assert ran == []

    finish(ground, leader)
    writer.run_alone(lambda: ran.append("afterwards"))
    assert ran == ["afterwards"]
