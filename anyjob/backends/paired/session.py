"""The part of a pair that is seen by the others: which jobs its consumers hold, told a few times a
second off the hot path, and what it has heard of its queues.
"""

from __future__ import annotations

import itertools
import math
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, Protocol

import msgspec

from anyjob.backends.paired.ledger import Ledger
from anyjob.backends.paired.records import session_key, sessions_key
from anyjob.backends.paired.words import Words
from anyjob.core.clock import Clock
from anyjob.core.errors import BackendError, BackendUnavailable, Misuse
from anyjob.core.store import Delete, Put

#: Seconds between two looks at the words; shorter for a while after somebody asked, because who
#: asks once asks again. And between two signs of life.
_BEAT, _SHORT_BEAT = 0.1, 0.01
_ALERT = 1.0
_SIGN = 5.0
#: A session that gave no sign for so long is over.
_LAPSE = 15.0
#: One that is to be seen again at once had this long to show itself.
_GRACE = 0.5
#: The longest wait for others to confirm.
_PATIENCE = _LAPSE + 5.0
#: Leases that a session tells of; what is beyond is dropped, and counted.
MOST_TOLD = 10_000


class Told(msgspec.Struct, frozen=True, array_like=True):
    """A lease as a session tells of it."""

    queue: str
    id: str
    attempts: int
    redeliveries: int
    until: float
    #: Of its record, as the holder knows it.
    version: int


class _Seen(msgspec.Struct, frozen=True, array_like=True):
    """A session's sign of life: what it has heard, and what it holds."""

    revisions: dict[str, int]
    leases: list[Told]


class Holder(Protocol):
    """A consumer, as its session sees it."""

    queues: list[str]

    def told(self) -> list[Told]:
        """The leases that it holds and that have not lapsed."""

    def on_word(self) -> None:
        """A word has changed."""


_encode = msgspec.msgpack.Encoder().encode
_seen = msgspec.msgpack.Decoder(_Seen).decode
_sessions = msgspec.msgpack.Decoder(list[int]).decode


class Session:
    """One backend's part, from its first consumer to its close. Its thread begins with the first
    consumer and ends with `stop`; everything else is for any thread.
    """

    def __init__(
        self,
        ledger: Ledger,
        words: Words,
        clock: Clock,
        report: Callable[[str, Mapping[str, Any]], None],
    ) -> None:
        self._ledger = ledger
        self._words = words
        self._clock = clock
        self._report = report
        self._number = secrets.randbits(63)
        self._lock = threading.Lock()
        self._holders: list[Holder] = []
        #: Leases of consumers that are closed.
        self._left: list[tuple[float, Told]] = []
        #: Of all consumers that ever joined: whoever asks about one of these waits for an answer.
        self._queues: set[str] = set()
        self._wanted = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._written: bytes = b""
        self._written_at = -math.inf
        self._is_down = False
        self._alert_until = time.monotonic() + _ALERT
        self._dropped = 0

    # Consumers come and go

    def join(self, holder: Holder) -> None:
        """Tell of this consumer from now on; raises BackendError."""
        with self._lock:
            self._queues.update(holder.queues)
            holders = [*self._holders, holder]
        self._words.read(holder.queues)
        self._sign(holders)
        for queue in holder.queues:
            self._ledger.change(sessions_key(queue), self._enter)
        with self._lock:
            self._holders.append(holder)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="anyjob-pair", daemon=True)
                self._thread.start()

    def leave(self, holder: Holder, left: list[tuple[float, Told]]) -> None:
        """Ask this consumer no more. What it `left` runs out at its time on the steady clock, and
        is told of until then.
        """
        with self._lock:
            if holder in self._holders:
                self._holders.remove(holder)
            self._left += left
        self._wanted.set()

    def stop(self) -> None:
        """Tell of nothing more; bounded, and idempotent."""
        self._stopping.set()
        self._wanted.set()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(_LAPSE)

    # Who holds what

    def held_here(self) -> list[Told]:
        """The leases that this backend's own consumers hold."""
        with self._lock:
            holders = list(self._holders)
        return self._told(holders)

    def held(self, queue: str) -> dict[str, Told]:
        """The leases of a queue by id, as everybody told of them last; raises BackendError."""
        numbers = self._numbers(queue)
        seen = self._look(numbers)
        told = itertools.chain(
            self.held_here(), *(each.leases for each in seen.values() if each is not None)
        )
        return self._current(queue, told)

    def ask(self, queue: str, revision: int, patience: float = _PATIENCE) -> dict[str, Told]:
        """The leases of a queue by id, once every session has heard of this revision.

        Waits for the others, a fraction of a second. Raises BackendUnavailable if one of them lives
        and does not answer for `patience` seconds.
        """
        deadline = time.monotonic() + patience
        grace = time.monotonic() + _GRACE
        while True:
            numbers = self._numbers(queue)
            seen = self._look(numbers)
            missing = [number for number, each in seen.items() if each is None]
            late = [
                each
                for each in seen.values()
                if each is not None and each.revisions.get(queue, 0) < revision
            ]
            now = time.monotonic()
            if not late and (not missing or now >= grace):
                break
            if now >= deadline:
                raise BackendUnavailable(
                    f"a worker on queue {queue!r} shows itself in the store and did not confirm"
                    f" within {patience:g} s; try again when it is ended or goes on"
                )
            time.sleep(_SHORT_BEAT / 4)
        if missing:
            self._ledger.change(sessions_key(queue), _without(missing))
        told = itertools.chain(
            self.held_here(), *(each.leases for each in seen.values() if each is not None)
        )
        return self._current(queue, told)

    def _current(self, queue: str, told: Iterable[Told]) -> dict[str, Told]:
        return {each.id: each for each in told if each.queue == queue}

    def _numbers(self, queue: str) -> list[int]:
        entry = self._ledger.get([sessions_key(queue)])[0]
        numbers = [] if entry is None else _sessions(entry.value)
        return [number for number in numbers if number != self._number]

    def _look(self, numbers: list[int]) -> dict[int, _Seen | None]:
        entries = self._ledger.get([session_key(number) for number in numbers])
        return {
            number: None if entry is None else _seen(entry.value)
            for number, entry in zip(numbers, entries, strict=True)
        }

    def _enter(self, value: bytes | None) -> bytes | None:
        numbers = [] if value is None else _sessions(value)
        return None if self._number in numbers else _encode([*numbers, self._number])

    # The thread

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wanted.wait(_SHORT_BEAT if time.monotonic() < self._alert_until else _BEAT)
            self._wanted.clear()
            try:
                self._beat()
            except BackendError as error:
                self._went_down(error)
            except Misuse:
                return  # the store was closed under us
            else:
                self._came_up()
        self._say_goodbye()

    def _beat(self) -> None:
        with self._lock:
            holders, queues = list(self._holders), set(self._queues)
        before = {queue: self._words.last(queue) for queue in queues}
        # Its own entry is read along, which tells at once that the store has lost what it held;
        # and on the wire, a look of the thread's from a look for a call.
        is_shown, words = self._words.read_beside(session_key(self._number), queues)
        if not is_shown:
            self._written_at = -math.inf
        if words != before:
            self._alert_until = time.monotonic() + _ALERT
            for holder in holders:
                holder.on_word()
        self._sign(holders)

    def _sign(self, holders: list[Holder]) -> None:
        """Write what has changed, and now and then that nothing has."""
        with self._lock:
            queues = sorted(self._queues)
        # Before the leases: what is taken after this look meets the word that it tells of.
        revisions = {queue: self._words.last(queue).revision for queue in queues}
        leases = self._told(holders)
        self._count(len(leases) - MOST_TOLD)
        seen = _encode(_Seen(revisions, leases[:MOST_TOLD]))
        now = self._clock.monotonic()
        if now - self._written_at >= _LAPSE:
            # Others may have taken it for over.
            for queue in queues:
                self._ledger.change(sessions_key(queue), self._enter)
        if seen != self._written or now - self._written_at >= _SIGN:
            self._ledger.put([Put(session_key(self._number), seen, _LAPSE)])
            self._written, self._written_at = seen, now

    def _told(self, holders: list[Holder]) -> list[Told]:
        now = self._clock.monotonic()
        with self._lock:
            self._left = [each for each in self._left if each[0] > now]
            left = [told for _, told in self._left]
        return left + [told for holder in holders for told in holder.told()]

    def _count(self, dropped: int) -> None:
        """Tell once how many leases are too many to be told of, each time that grows."""
        if dropped > self._dropped:
            self._report("store.index_dropped", {"leases": dropped, "told": MOST_TOLD})
        self._dropped = max(dropped, 0)

    def _say_goodbye(self) -> None:
        # What cannot be said now, nobody waits for long.
        with suppress(BackendError, Misuse):
            self._ledger.delete([Delete(session_key(self._number))])
            for queue in self._queues:
                self._ledger.change(sessions_key(queue), _without([self._number]))

    def _went_down(self, error: BackendError) -> None:
        if not self._is_down:
            self._is_down = True
            self._report("store.down", {"error": str(error)})

    def _came_up(self) -> None:
        if self._is_down:
            self._is_down = False
            self._report("store.up", {})


def _without(numbers: list[int]) -> Callable[[bytes | None], bytes | None]:
    """A change that takes sessions off a list."""

    def change(value: bytes | None) -> bytes | None:
        known = [] if value is None else _sessions(value)
        left = [number for number in known if number not in numbers]
        return None if left == known else _encode(left)

    return change
