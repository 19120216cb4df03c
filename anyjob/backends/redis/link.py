"""A server in use by this process: its connections, and commands answered by a deadline."""

from __future__ import annotations

import os
import random
import re
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from anyjob.backends.redis.errors import PASSING, Lost, forbidden, refused, tls_hint, unreachable
from anyjob.backends.redis.keys import Keys
from anyjob.backends.redis.resp import ReplyError, Word
from anyjob.backends.redis.scripts import (
    ENQUEUE_READY,
    EPOCH,
    LIST,
    RIGHTS,
    Call,
    Command,
    Plain,
    Script,
)
from anyjob.backends.redis.url import Location
from anyjob.backends.redis.wire import SLOWEST, Wire
from anyjob.core.clock import Clock
from anyjob.core.errors import (
    AnyjobError,
    BackendError,
    BackendUnavailable,
    ConfigurationError,
    InvalidOption,
    Misuse,
)

#: What a command may take, connecting included.
COMMAND_SECONDS = 5.0
#: Pauses before a refusal that passes is met again.
FIRST_PAUSE, LAST_PAUSE = 0.01, 0.2
#: Nothing is sent again that has not so long for its answer.
ANSWER_SECONDS = 0.5

#: A connection that was used within so many seconds is taken to be open still.
FRESH = 0.02
#: One that was not used for so many seconds is closed.
_KEPT = 10.0

Report = Callable[[str, Mapping[str, Any]], None]


class Uncertain(BackendError):
    """Raised when a command was sent and nobody can know whether it was carried out."""

    retryable = True


class Link:
    """Connections to one server; any thread. The last of its users closes it."""

    def __init__(self, location: Location, namespace: str, clock: Clock | None) -> None:
        self.location = location
        self.keys = Keys(namespace)
        self.report: Report | None = None
        self.is_retired = False
        self._clock = clock
        self._window = round(location.dedup_window * 1000)
        self._guard = threading.Lock()
        self._idle: deque[Wire] = deque()
        self._wires: set[Wire] = set()
        self._users = 0
        self._process = 0
        #: What tells the server's data from those of a server that was emptied.
        self._epoch = b""
        #: The primary that sentinels named last.
        self._server = ""
        self._next_epoch = secrets.token_hex(8).encode()
        #: What the server once let go on.
        self._works: set[tuple[str, ...]] = set()
        #: Queues that are known to stand in the list of all.
        self._listed: set[str] = set()

    def __repr__(self) -> str:
        return f"<Link to {self.location.shown}>"

    # Beginning and ending

    def open(self, check: Callable[[], None]) -> None:
        """Begin to use the server, after `check` found it fit. Raises an error of ours."""
        with self._guard:
            if self._process not in (0, os.getpid()):
                raise Misuse(_FORKED)
            self._users += 1
            first, self._process = self._users == 1, os.getpid()
        if first:
            try:
                check()
            except BaseException:
                self.close()
                raise

    def close(self) -> None:
        """Stop using it; the last user ends every connection, also under calls that wait."""
        if self._process != os.getpid():
            return  # a forked child leaves the parent's connections alone
        with self._guard:
            if self._users > 1:
                self._users -= 1
                return
            self._users = self._process = 0
            wires, self._wires = self._wires, set()
            idle = set(self._idle)
            self._idle.clear()
            self._listed.clear()
            self._works.clear()
        for wire in wires:
            # What is in use is closed by its user, who finds it broken.
            wire.close() if wire in idle else wire.cut()

    def retire(self) -> None:
        """Keep no connection from now on: each ends with its use, and none before."""
        self.is_retired = True
        self._drop_idle()

    @property
    def is_used(self) -> bool:
        """Whether there is a connection."""
        return bool(self._wires)

    @property
    def is_open(self) -> bool:
        return self._users > 0 and self._process == os.getpid()

    @property
    def is_forked(self) -> bool:
        """Whether it was opened by the process of which this one is a child."""
        return self._process not in (0, os.getpid())

    def check_open(self) -> None:
        """Raise Misuse before `open`, after `close` and in a forked child."""
        if self._process != os.getpid():
            raise Misuse(_FORKED if self._process else _CLOSED)
        if not self._users:
            raise Misuse(_CLOSED)

    @contextmanager
    def going_on(self, *work: str) -> Iterator[None]:
        """Do what is done again and again, such as fetching from some queues.

        Once the server has let it be done, what it is refused by then, a right, a password or a
        certificate that somebody took away, is BackendUnavailable: it may come back.
        """
        try:
            yield
        except Misuse:
            raise
        except ConfigurationError as error:
            if work in self._works:
                raise BackendUnavailable(str(error)) from error
            raise
        self._works.add(work)

    def teach(self, scripts: Sequence[Script]) -> None:
        """Let the server know these scripts before they are needed.

        Without the right to it, and after a restart, each is sent whole the first time instead.
        """
        with suppress(AnyjobError):
            self.tell([Plain((b"SCRIPT", b"LOAD", script.text)) for script in scripts], reads=True)

    # Asking

    def groups(self, queues: Iterable[str]) -> list[list[str]]:
        """These queues, those together whose keys may be in one script."""
        return [list(queues)]

    def at(self, key: bytes) -> Link:
        """The link to the server that holds a key."""
        return self

    def doubt(self) -> None:
        """Find out anew where what is asked for is, where that may change; it was not there."""

    def infos(self) -> list[tuple[Location, bytes]]:
        """What INFO answers, of each server that holds jobs."""
        return [(self.location, self.do(b"INFO", reads=True))]

    def call(self, script: Script, queues: Sequence[str], args: Sequence[Word]) -> Call:
        """A script of the queues, with its clock and window."""
        keys: tuple[bytes, ...] = (
            self.keys.of(queues[0])
            if len(queues) == 1
            else tuple(key for queue in queues for key in self.keys.of(queue))
        )
        return Call(script, keys, [self.now(), self._window, *args])

    def ready_call(self, queue: str, priority: int, words: Sequence[Word]) -> Call:
        """ENQUEUE_READY of one queue and priority."""
        keys = self.keys.for_ready(queue, priority)
        return Call(ENQUEUE_READY, keys, [self.now(), self._window, priority, *words])

    def run(self, script: Script, queue: str, *args: Word, reads: bool = False) -> Any:
        """The answer of one script to one queue."""
        while True:
            [reply] = self.ask([self.call(script, [queue], args)], reads=reads)
            # It has made a part ready of what lapsed or came due, and nothing else.
            if reply != _AGAIN:
                return reply

    def do(self, *words: Word, reads: bool = False) -> Any:
        """The answer to one command."""
        return self.ask([Plain(words)], reads=reads)[0]

    def ask(self, commands: Sequence[Command], *, reads: bool = False) -> list[Any]:
        """The answers to commands that are sent together.

        Raises the error of the first that was refused, BackendUnavailable if none was carried out
        or all of them only `reads`, `Uncertain` if nobody can know.
        """
        replies = self.tell(commands, reads=reads)
        self.check(replies)
        return replies

    def check(self, replies: Sequence[Any]) -> None:
        """Raise the error of the first reply that is one."""
        for reply in replies:
            if isinstance(reply, ReplyError):
                raise self.refusal(reply)

    def refusal(self, reply: ReplyError) -> AnyjobError:
        """The error of ours for one of the server's."""
        if not reply.is_of_rights:
            return refused(self.location, reply)
        # What a script may not do, the server says without a name.
        missing: Any = None
        with suppress(AnyjobError):
            [missing] = self.tell([Call(RIGHTS, [self.keys.names], [])], reads=True)
        if missing and isinstance(missing, list):
            return forbidden(self.location, reply, [f"+{name.decode()}" for name in missing])
        is_of_keys = re.search(r"\bkeys?\b", str(reply)) is not None
        return forbidden(self.location, reply, [f"~{self.keys.pattern}"] if is_of_keys else [])

    def tell(
        self,
        commands: Sequence[Command],
        *,
        reads: bool = False,
        seconds: float = COMMAND_SECONDS,
    ) -> list[Any]:
        """As `ask`, with a ReplyError in the place of each answer that is one."""
        deadline = time.monotonic() + seconds
        replies = self._tell(commands, deadline, reads=reads)
        return self._at_the_primary(commands, replies, deadline, reads=reads)

    def tell_each(
        self,
        commands: Sequence[Command],
        *,
        reads: bool = False,
        seconds: float = COMMAND_SECONDS,
    ) -> list[Any]:
        """As `tell`, with the error of ours in the place of each answer that did not come."""
        try:
            return self.tell(commands, reads=reads, seconds=seconds)
        except AnyjobError as error:
            return [error] * len(commands)

    def begin(self, commands: Sequence[Command]) -> Callable[[], list[Any]]:
        """Send commands on a connection of their own, and return what waits for the replies.

        It is called once. Between them, both return and raise as `tell` does, and each has the time
        of a call.
        """
        data = packed(commands)
        deadline = time.monotonic() + COMMAND_SECONDS
        wire = self.take(deadline)
        # What breaks while it is sent, is found broken when the replies are read.
        with suppress(Lost):
            wire.send(data, len(commands), deadline)

        def finish() -> list[Any]:
            deadline = time.monotonic() + COMMAND_SECONDS + len(data) / SLOWEST
            try:
                replies = [wire.receive(deadline) for _ in commands]
                replies = self.mend(wire, commands, replies, deadline)
            except Lost as lost:
                raise self.lost(lost, reads=False) from lost
            finally:
                self.give(wire)
            return self._at_the_primary(commands, replies, deadline, reads=False)

        return finish

    def _at_the_primary(
        self, commands: Sequence[Command], replies: list[Any], deadline: float, *, reads: bool
    ) -> list[Any]:
        """The replies, of which those that a replica refused are got from the primary."""
        pause = FIRST_PAUSE
        while self.location.sentinels and (moved := _refused_by_replica(replies)):
            # The primary is elsewhere by now, or soon will be; nothing of these was done.
            if time.monotonic() + pause >= deadline:
                break
            time.sleep(pause)
            pause = min(2 * pause, LAST_PAUSE)
            again = self._tell([commands[at] for at in moved], deadline, reads=reads)
            for at, reply in zip(moved, again, strict=True):
                replies[at] = reply
        return replies

    def _tell(self, commands: Sequence[Command], deadline: float, *, reads: bool) -> list[Any]:
        data = packed(commands)
        wire = self.take(deadline)
        try:
            replies = wire.exchange(data, len(commands), deadline)
            return self.mend(wire, commands, replies, deadline)
        except Lost as lost:
            raise self.lost(lost, reads=reads) from lost
        finally:
            self.give(wire)

    def mend(
        self, wire: Wire, commands: Sequence[Command], replies: list[Any], deadline: float
    ) -> list[Any]:
        """Send again what was refused for a reason that passes, nothing of it having been done."""
        pause = FIRST_PAUSE
        while refusals := [at for at, reply in enumerate(replies) if _passes(reply)]:
            if any(replies[at].code != "NOSCRIPT" for at in refusals):
                if time.monotonic() + pause + ANSWER_SECONDS >= deadline:
                    break  # what is refused is known, and what is sent too late is not
                # Not a secret: it keeps many clients from coming back at once.
                time.sleep(pause * random.uniform(0.5, 1.0))
                pause = min(2 * pause, LAST_PAUSE)
            following = _with_waits(commands, refusals)
            data = b"".join(_again(commands[at], replies[at]) for at in following)
            for at, reply in zip(
                following, wire.exchange(data, len(following), deadline), strict=True
            ):
                replies[at] = reply
        if _refused_by_replica(replies):
            wire.cut()
            self._drop_idle()
        return replies

    def lost(self, lost: Lost, *, reads: bool) -> AnyjobError:
        """The error of ours for a connection that broke."""
        if not self.is_open:
            return Misuse(_CLOSED)
        if lost.sent and not reads:
            return Uncertain(
                f"{self.location.shown} {lost.why}; what it was asked may have been done or not"
            )
        return unreachable(self.location, lost.why)

    def take(self, deadline: float) -> Wire:
        """A connection for the caller alone, until `give`."""
        self.check_open()
        while True:
            try:
                wire = self._idle.pop()
            except IndexError:
                break
            # A server that was restarted meanwhile has closed its end: nothing may be sent there,
            # or nobody could know whether it arrived.
            if wire.is_whole and (wire.was_used_since(time.monotonic() - FRESH) or wire.is_idle()):
                return wire
            self.end(wire)
        wire = self._connected(deadline)
        with self._guard:
            if self.is_open:
                self._wires.add(wire)
                return wire
        wire.close()
        raise Misuse(_CLOSED)

    def give(self, wire: Wire) -> None:
        """Give a connection back."""
        if wire.is_whole and self.is_open:
            self._idle.append(wire)
            # Behind it, so that none comes in between.
            self._drop_idle() if self.is_retired else self._thin_out()
        else:
            self.end(wire)

    def _drop_idle(self) -> None:
        """Close what leads to a server that is the primary no longer."""
        while self._idle:
            with suppress(IndexError):
                self.end(self._idle.pop())

    def _thin_out(self) -> None:
        """Close one connection that a burst has left behind; the newest are used first."""
        try:
            oldest = self._idle.popleft()
        except IndexError:
            return
        if oldest.was_used_since(time.monotonic() - _KEPT):
            self._idle.appendleft(oldest)
        else:
            self.end(oldest)

    def end(self, wire: Wire) -> None:
        """Close a connection that nobody uses any more."""
        with self._guard:
            self._wires.discard(wire)
        wire.close()

    # Whether all is as it was

    def check_epoch(self) -> None:
        """Report it if the server lost all that it held."""
        [found] = self.ask([self._epoch_call()], reads=True)
        self._notice(found)

    def _connected(self, deadline: float) -> Wire:
        pause = FIRST_PAUSE
        while True:
            try:
                return self._connected_once(deadline)
            except BackendUnavailable:
                # While sentinels agree on another primary, the one they name is not there.
                if not self.location.sentinels or time.monotonic() + pause >= deadline:
                    raise
            time.sleep(pause)
            pause = min(2 * pause, LAST_PAUSE)

    def _connected_once(self, deadline: float) -> Wire:
        wire = Wire(self.location, max(0.01, min(COMMAND_SECONDS, deadline - time.monotonic())))
        try:
            # Whoever answers here may be another server than before, or one without its data.
            [found] = wire.exchange(self._epoch_call().packed_whole(), 1, deadline)
        except Lost as lost:
            wire.close()
            hint = tls_hint(self.location) if "ended" in lost.why else ""
            raise unreachable(self.location, lost.why + hint) from lost
        if not isinstance(found, ReplyError):
            self._notice(found)
        elif found.code == "READONLY" and self.location.sentinels:
            wire.close()
            raise refused(self.location, found)
        # Whatever else is refused now is refused to the caller too.
        self._notice_server(wire.address)
        return wire

    def _notice_server(self, address: str) -> None:
        was, self._server = self._server, address
        if was not in ("", address) and self.report is not None:
            self.report("backend.failover", {"from": was, "to": address})

    def _epoch_call(self) -> Call:
        return Call(EPOCH, [self.keys.epoch], [self._next_epoch])

    def _notice(self, found: bytes | None) -> None:
        """Take note of the epoch that was there, None if there was none and ours is there now."""
        now = self._next_epoch if found is None else found
        was, self._epoch = self._epoch, now
        if found is None:
            self._next_epoch = secrets.token_hex(8).encode()
        if was not in (b"", now):
            self._listed.clear()
            if self.report is not None:
                self.report("store.reset_detected", {"server": self.location.shown})

    # What everybody needs to know

    @property
    def is_timed_by_server(self) -> bool:
        """Whether time passes for the scripts as it does here; a clock of the caller's may not."""
        return self._clock is None

    def now(self) -> bytes:
        """The clock as scripts take it: empty for the server's own."""
        if self._clock is None:
            return b""
        wall, steady = self._clock.time(), self._clock.monotonic()
        return b"%d:%d" % (round(wall * 1_000_000), round(steady * 1_000_000))

    def listing(self, names: Iterable[str]) -> list[Command]:
        """What puts those of these queues into the list of all that may not stand there; `listed`
        says that it was done.
        """
        new = [name for name in names if name not in self._listed]
        return [Call(LIST, [self.keys.names], new)] if new else []

    def listed(self, names: Iterable[str]) -> None:
        self._listed.update(names)

    def queues(self) -> list[str]:
        """Every queue that ever stood in the list."""
        return sorted(name.decode() for name in self.do(b"SMEMBERS", self.keys.names, reads=True))


def packed(commands: Sequence[Command]) -> bytes:
    """Commands as bytes; raises InvalidOption for text that none can be made of."""
    try:
        return b"".join(command.packed() for command in commands)
    except UnicodeEncodeError as error:
        raise InvalidOption("expected text that UTF-8 can write") from error


def _passes(reply: Any) -> bool:
    return isinstance(reply, ReplyError) and (reply.code == "NOSCRIPT" or reply.code in PASSING)


def _refused_by_replica(replies: Sequence[Any]) -> list[int]:
    return [
        at
        for at, reply in enumerate(replies)
        if isinstance(reply, ReplyError) and reply.code == "READONLY"
    ]


def _with_waits(commands: Sequence[Command], refusals: Sequence[int]) -> list[int]:
    """These and what waits for replicas behind them, whose first answer was about nothing."""
    return [
        at
        for at, command in enumerate(commands)
        if at in refusals
        or (at > refusals[0] and isinstance(command, Plain) and command.words[0] == b"WAIT")
    ]


def _again(command: Command, reply: Any) -> bytes:
    if isinstance(command, Call) and reply.code == "NOSCRIPT":
        return command.packed_whole()
    return command.packed()


_AGAIN = b"again"
_CLOSED = "this redis:// object is not open; call open() first, and nothing after close()"
_FORKED = (
    "this redis:// object was opened before a fork, and a forked child must not use its"
    " connections; open another one in the child"
)
