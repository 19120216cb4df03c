"""One transaction for all threads that want to write at the same time.

Whoever finds nobody writing leads: it waits for the file lock, takes along everybody who came
meanwhile, commits once and tells each the answer. So a lone caller pays for no other thread, and
threads that meet share the fsync. The next leader is one of those who came too late.
"""

from __future__ import annotations

import collections
import math
import sqlite3
import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

from anyjob.backends.sqlite.connection import BUSY_SECONDS
from anyjob.backends.sqlite.errors import is_uncertain
from anyjob.backends.sqlite.tickets import Ticket, Turn, Work
from anyjob.core.errors import AnyjobError, BackendError, BackendFull, BackendUnavailable

#: Seconds within which every write ends.
COMMAND_SECONDS = 5.0
#: Seconds that a leader waits at most for those who took part in the commit before.
_LINGER = 0.001
_MOST = 256
_LOOK = "; look what is stored before you do it again"


class Uncertain(BackendError):
    """Raised when a write may or may not be found done; doing it again is the caller's to judge."""

    retryable = True


class Ground(Protocol):
    """What a writer stands on."""

    def writing(self) -> sqlite3.Connection:
        """The connection to write with; raises AnyjobError when the file is gone."""

    def lock(self, deadline: float) -> bool:
        """Take the turn between processes; False when it did not come."""

    def unlock(self) -> None:
        """Give it back, if it came; what the leader does last."""

    def translate(self, error: sqlite3.Error | sqlite3.Warning) -> AnyjobError:
        """Say it in our words."""

    def ran_full(self) -> None:
        """The disk is full: make room for what is essential."""

    def committed(self) -> None:
        """Something was committed."""


class Writer:
    """Runs pieces of work in transactions; any thread."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._guard = threading.Lock()
        self._waiting: collections.deque[Ticket] = collections.deque()
        self._led = False
        self._together = 1
        self._gather_at = 0
        self._gathered = threading.Lock()
        self._gathered.acquire()
        #: Transactions committed so far.
        self.commits = 0

    def run(self, work: Work, *, essential: bool = True, seconds: float = COMMAND_SECONDS) -> Any:
        """Run `work` in a transaction and return what it returns, once that is committed.

        Raises what `work` raises, after a rollback; BackendUnavailable without effect when its turn
        did not come within `seconds`; Uncertain when the answer did not.
        """
        ticket = Ticket(work, essential=essential)
        deadline = time.monotonic() + seconds
        try:
            if self._joins(ticket) or self._is_told_to_lead(ticket, deadline):
                self._lead(ticket, deadline)
        except BaseException:  # an interrupt, too, must leave nobody waiting for a leader
            self._step_back(ticket)
            raise
        if ticket.error is not None:
            raise ticket.error
        return ticket.result

    def run_alone(self, action: Callable[[], None], *, seconds: float = COMMAND_SECONDS) -> None:
        """Run `action` while nobody writes, outside a transaction.

        Raises BackendUnavailable, with `action` not run, when that did not come within `seconds`.
        """
        ticket = self.stop(seconds)
        try:
            action()
        finally:
            self.go_on(ticket)

    def stop(self, seconds: float = COMMAND_SECONDS) -> Ticket:
        """Let nobody write until `go_on`; raises BackendUnavailable as `run_alone`."""
        ticket = Ticket(None, essential=True)
        leads = False
        try:
            leads = self._joins(ticket) or self._is_told_to_lead(ticket, time.monotonic() + seconds)
        finally:
            if not leads:
                self._step_back(ticket)
        if not leads:
            raise late()
        return ticket

    def go_on(self, ticket: Ticket) -> None:
        """Let the others write again."""
        self._step_back(ticket)

    def _joins(self, ticket: Ticket) -> bool:
        """Whether the newcomer leads."""
        with self._guard:
            self._waiting.append(ticket)
            ticket.leads = not self._led
            self._led = True
            if len(self._waiting) == self._gather_at:
                self._gather_at = 0
                self._gathered.release()
            return ticket.leads

    def _is_told_to_lead(self, ticket: Ticket, deadline: float) -> bool:
        turn = ticket.wait(deadline)
        if turn is Turn.LATE:
            turn = self._withdraw(ticket)
        return turn is Turn.LEAD

    def _withdraw(self, ticket: Ticket) -> Turn:
        with self._guard:
            if not ticket.taken and not ticket.leads:
                self._waiting.remove(ticket)
                ticket.fail(late())
                return Turn.ANSWERED
        if ticket.leads:  # chosen at this very moment; it is being told
            return ticket.wait(math.inf)
        turn = ticket.wait(time.monotonic() + BUSY_SECONDS)
        if turn is Turn.LATE:
            raise Uncertain(
                f"the disk did not confirm a commit in time, and it may have been done{_LOOK}"
            )
        return turn

    def _lead(self, own: Ticket, deadline: float) -> None:
        try:
            self._gather()
            try:
                if self._ground.lock(deadline):
                    self._commit_with(own, deadline)
                else:
                    own.fail(late())
            finally:
                self._ground.unlock()
        finally:
            self._hand_on(own)

    def _gather(self) -> None:
        """Wait a moment for those who took part in the last commit: they are about to come back."""
        with self._guard:
            if self._together == 1 or len(self._waiting) >= self._together:
                return
            self._gather_at = self._together
        if self._gathered.acquire(timeout=_LINGER):
            return
        with self._guard:
            came, self._gather_at = self._gather_at == 0, 0
        if came:
            self._gathered.acquire()

    def _take(self, own: Ticket) -> list[Ticket]:
        with self._guard:
            others = [ticket for ticket in self._waiting if ticket is not own and ticket.work]
            batch = [own, *others[: _MOST - 1]]
            for ticket in batch:
                ticket.taken = True
                self._waiting.remove(ticket)
            self._together = len(batch)
            return batch

    def _step_back(self, own: Ticket) -> None:
        with self._guard:
            if not own.leads and not own.taken and own in self._waiting:
                self._waiting.remove(own)
        if own.leads:
            self._hand_on(own)

    def _hand_on(self, own: Ticket) -> None:
        with self._guard:
            own.leads = False
            if own in self._waiting:
                self._waiting.remove(own)
            heir = self._waiting[0] if self._waiting else None
            self._led = heir is not None
            if heir is not None:
                heir.leads = True
        if heir is not None:
            heir.tell(Turn.LEAD)

    def _commit_with(self, own: Ticket, deadline: float) -> None:
        """Give `own` and everybody who waits an answer, in one transaction if that goes well."""
        try:
            connection = self._begin(deadline)
        except AnyjobError as error:
            # Whoever else waits can still withdraw: nobody was taken along.
            self._take_apart([own], error, deadline)
            return
        batch = self._take(own)
        try:
            self._try(connection, batch, deadline)
        finally:
            for ticket in batch:
                if not ticket.answered:  # the leader was interrupted
                    ticket.fail(
                        Uncertain(f"a commit was interrupted, and it may have been done{_LOOK}")
                    )
                if ticket is not own:
                    ticket.tell(Turn.ANSWERED)

    def _try(self, connection: sqlite3.Connection, batch: list[Ticket], deadline: float) -> None:
        try:
            results = self._finish(connection, batch)
        except Exception as error:  # what a piece of work raises is its caller's, whatever it is
            self._take_apart(batch, error, deadline)
            return
        for ticket, result in zip(batch, results, strict=True):
            ticket.succeed(result)

    def _take_apart(self, batch: list[Ticket], error: Exception, deadline: float) -> None:
        """Let one piece spoil no other, and what is essential pass on a full disk."""
        full = isinstance(error, BackendFull)
        if full:
            self._ground.ran_full()
        common = isinstance(error, BackendUnavailable | Uncertain)  # nobody's own fault
        for ticket in batch:
            again = ticket.essential if full else len(batch) > 1 and not common
            if not again:
                ticket.fail(error)
                continue
            try:
                ticket.succeed(*self._finish(self._begin(deadline), [ticket]))
            except Exception as own_error:  # as above
                ticket.fail(own_error)

    def _begin(self, deadline: float) -> sqlite3.Connection:
        # A transaction that began to read and then wants to write would fail at once when somebody
        # else wrote in between; one that begins by writing waits.
        while True:
            try:
                connection = self._ground.writing()
                connection.execute("BEGIN IMMEDIATE")
                return connection
            except sqlite3.Error as error:
                if not _is_busy(error) or time.monotonic() >= deadline:
                    raise self._ground.translate(error) from error
            except AnyjobError as error:  # whoever opens the file waits for others as well
                if not _is_busy(error.__cause__) or time.monotonic() >= deadline:
                    raise

    def _finish(self, connection: sqlite3.Connection, batch: list[Ticket]) -> list[Any]:
        """Do what the tickets want in the transaction that was begun, and commit it."""
        try:
            results = [ticket.work(connection) for ticket in batch if ticket.work]
            self._end(connection)
        except BaseException as error:
            _roll_back(connection)
            if isinstance(error, sqlite3.Error | sqlite3.Warning):
                raise self._ground.translate(error) from error
            raise
        self.commits += 1
        self._ground.committed()
        return results

    def _end(self, connection: sqlite3.Connection) -> None:
        try:
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            if not is_uncertain(error):
                raise
            raise Uncertain(
                f"the disk failed while a commit was forced to it ({error}), and it may be found"
                f" done{_LOOK}"
            ) from error


def _is_busy(error: BaseException | None) -> bool:
    return (getattr(error, "sqlite_errorcode", 0) & 0xFF) == sqlite3.SQLITE_BUSY


def _roll_back(connection: sqlite3.Connection) -> None:
    try:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
    except sqlite3.Error:
        # SQLite rolled back by itself, as it does on a full disk and on most errors of the disk.
        return


def late() -> BackendUnavailable:
    """The error of a write whose turn did not come."""
    return BackendUnavailable(
        "another process held the turn to write until the deadline, and nothing was done; end it"
        " if it is frozen, or let its transactions be shorter, then try again"
    )
