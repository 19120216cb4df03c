"""The Redis backend: jobs in Redis or Valkey, for any number of hosts."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import closing
from typing import Any, TypeVar

from anyjob.backends.checks import check_edit, check_shares
from anyjob.backends.redis import records
from anyjob.backends.redis.cluster import ClusterLink, link_to
from anyjob.backends.redis.cluster_consumer import ClusterConsumer
from anyjob.backends.redis.consumer import RedisConsumer
from anyjob.backends.redis.doors import Doors
from anyjob.backends.redis.encode import milliseconds
from anyjob.backends.redis.endings import EveryEnding
from anyjob.backends.redis.facts import (
    MAX_BATCH,
    MAX_PAYLOAD,
    capabilities_of,
    facts_of,
    findings,
)
from anyjob.backends.redis.link import Uncertain
from anyjob.backends.redis.resp import Word
from anyjob.backends.redis.scripts import (
    BROWSE,
    CANCEL,
    COUNTS,
    DISCARD,
    FLAG,
    GET,
    MAINTAIN,
    OF_JOBS,
    PURGE,
    REVIVE,
    Command,
    Plain,
    Script,
)
from anyjob.backends.redis.store import RedisStore
from anyjob.backends.redis.storing import Storing
from anyjob.backends.redis.url import parse_url
from anyjob.backends.redis.watch import RedisWatch
from anyjob.core.backend import (
    Backend,
    CancelResult,
    Consumer,
    Counts,
    Finding,
    JobRecord,
    Page,
    QueueShare,
    QueueSpec,
)
from anyjob.core.clock import Clock
from anyjob.core.envelope import Envelope, Receipt
from anyjob.core.errors import (
    EnqueueUncertain,
    InvalidOption,
    Misuse,
    UnsupportedCapability,
)
from anyjob.core.names import checked_name
from anyjob.core.seam import MAX_PAGE, check_count, check_envelopes, check_seconds, check_states
from anyjob.core.state import WAITING, State

#: Seconds after which maintenance wants to be called again at the latest, and at the earliest.
_IDLE, _SOONEST = 15.0, 0.01
#: Whoever waits for a job looks so often, whatever they were told.
_LOOK_SECONDS = 5.0
_LOT = 500
T = TypeVar("T")
_BROWSABLE = frozenset({State.READY, State.SCHEDULED, State.LEASED, State.DEAD})


class RedisBackend(Backend):
    """Holds jobs in a Redis or Valkey server; any number of objects and hosts may share it.

    URLs are `redis://user:password@host:6379/0`, `rediss://` for TLS, `unix:///path?db=0`,
    `redis+sentinel://one:26379,two:26379/NAME/0` (`rediss+sentinel://`), and
    `redis+cluster://one:6379,two:6379` (`rediss+cluster://`); options are
    `?dedup_window=60`, `?allow_eviction=POLICY`, `?fsync=always`, `?wait_replicas=1`, with TLS
    `?ca=`, `?cert=` and `?key=`, with sentinels `?sentinel_user=` and `?sentinel_password=`.
    """

    def __init__(self, url: str, *, namespace: str = "anyjob", clock: Clock | None = None) -> None:
        self._url = url
        self._namespace = checked_name(namespace, "a namespace")
        self._link = link_to(parse_url(url), namespace, clock)
        self._endings = EveryEnding(self._link)
        self._opened = False

    def __repr__(self) -> str:
        return f"RedisBackend({self._link.location.shown!r})"

    def open(self) -> None:
        if self._opened:
            self._link.check_open()
            return
        self._link.open(self._begin)
        self._doors = Doors(self._link)
        self._opened = True

    def close(self) -> None:
        if self._opened:
            self._opened = False
            self._doors.close()
            self._endings.close()
            self._link.close()

    def declare(self, queues: Collection[QueueSpec]) -> None:
        names = sorted({checked_name(spec.name, "a queue's name") for spec in queues})
        self._check_open()
        if names:
            self._list(names)
            flag = [b"declared", b"1"]
            self._link.ask([self._link.call(FLAG, [name], flag) for name in names])

    def enqueue(self, jobs: Sequence[Envelope], *, transaction: Any = None) -> list[Receipt]:
        self._check_open()
        if transaction is not None:
            raise UnsupportedCapability(
                "transaction",
                f"{self!r} cannot store jobs in a transaction of the caller's; leave transaction="
                " out, and enqueue after the commit",
            )
        check_envelopes(jobs, max_batch=MAX_BATCH, max_payload=MAX_PAYLOAD, known_queues=())
        if not jobs:
            return []
        storing = Storing(self._link, jobs)
        return storing.receipts(_known(jobs, lambda: self._link.tell(storing.commands)))

    def start_enqueue(self, jobs: Sequence[Envelope]) -> Callable[[], list[Receipt]]:
        self._check_open()
        check_envelopes(jobs, max_batch=MAX_BATCH, max_payload=MAX_PAYLOAD, known_queues=())
        if not jobs:
            return list
        storing = Storing(self._link, jobs)
        finish = _known(jobs, lambda: self._link.begin(storing.commands))
        return lambda: storing.receipts(_known(jobs, finish))

    def aenqueue(self, jobs: Sequence[Envelope]) -> Awaitable[list[Receipt]]:
        self._check_open()
        check_envelopes(jobs, max_batch=MAX_BATCH, max_payload=MAX_PAYLOAD, known_queues=())
        return self._doors.enqueue(jobs)

    def consume(self, queues: Sequence[QueueShare], *, lease: float, worker: str) -> Consumer:
        self._check_open()
        check_shares(queues)
        check_seconds(lease, "a lease", zero=False)
        limits = {"max_batch": MAX_BATCH, "max_payload": MAX_PAYLOAD}
        if isinstance(self._link, ClusterLink):
            return ClusterConsumer(self._link, queues, lease=lease, **limits)
        return RedisConsumer(self._link, queues, lease=lease, **limits)

    def maintain(self, budget: float) -> float:
        self._check_open()
        with self._link.going_on("maintain"):
            return self._maintain(budget)

    def counts(self, queue: str) -> Counts:
        return records.counts(self._look(COUNTS, queue))

    def pause(self, queue: str) -> None:
        checked_name(queue, "a queue's name")
        self._check_open()
        self._list([queue])
        self._run(FLAG, queue, b"paused", b"1")

    def resume(self, queue: str) -> None:
        self._run(FLAG, queue, b"paused", b"0")

    def paused(self) -> set[str]:
        return {name for name, paused, *_ in self._flags() if paused}

    def queues(self) -> set[str]:
        return {name for name, _, declared, jobs in self._flags() if declared or jobs}

    def browse(self, queue: str, state: State, cursor: str | None, limit: int) -> Page:
        check_states([state], _BROWSABLE, "browse()")
        check_count(limit, "limit", MAX_PAGE)
        if cursor is not None and not records.is_cursor(state, cursor):
            raise InvalidOption(
                f"expected a cursor that browse() of the state {str(State(state))!r} returned, got"
                f" {cursor!r}"
            )
        if state == State.LEASED:
            return self._browse_leased(queue, cursor or "", limit)
        following, rows = self._look(BROWSE, queue, str(State(state)), cursor or "", limit)
        found = [records.record(queue, row) for row in rows]
        return Page([each for each in found if each is not None], following.decode() or None)

    def get(self, queue: str, ids: Sequence[str], wait: float = 0.0) -> list[JobRecord | None]:
        deadline = time.monotonic() + wait
        found = self._find(queue, ids)
        if wait <= 0 or not ids or _has_ended(found):
            return found
        with closing(self.watch()) as watch:
            watch.add(queue, ids)
            if not watch.stands(queue):
                watch.wait(deadline - time.monotonic())
            while True:
                found = self._find(queue, ids)
                left = deadline - time.monotonic()
                if _has_ended(found) or left <= 0:
                    return found
                watch.wait(min(left, _LOOK_SECONDS))

    def watch(self) -> RedisWatch:
        self._check_open()
        return RedisWatch(self._endings)

    def cancel(self, queue: str, ids: Sequence[str], *, keep: float = 0.0) -> list[CancelResult]:
        check_seconds(keep, "keep")
        self._check(queue)
        results: list[CancelResult] = []
        for some in _slices(ids):
            results += records.cancel_results(self._run(CANCEL, queue, milliseconds(keep), *some))
        return results

    def purge(self, queue: str, states: Collection[State]) -> int:
        check_states(states, WAITING, "purge()")
        self._check(queue)
        removed = 0
        for state in sorted({str(State(state)) for state in states}):
            more = 1
            while more:
                some, more = self._run(PURGE, queue, state)
                removed += some
        return removed

    def revive(
        self,
        queue: str,
        ids: Sequence[str] | None,
        *,
        edit: Mapping[str, bytes] | None = None,
    ) -> int:
        check_edit(edit or {}, MAX_PAYLOAD)
        self._check(queue)
        bodies = [word for pair in (edit or {}).items() for word in pair]
        if ids is not None:
            return sum(
                self._run(REVIVE, queue, b"some", b"0", len(bodies) // 2, *bodies, *some)[0]
                for some in _slices(ids)
            )
        revived, last = 0, b"0"
        while last:
            some, last = self._run(REVIVE, queue, b"all", last, len(bodies) // 2, *bodies)
            revived += some
        return revived

    def discard(self, queue: str, ids: Sequence[str] | None) -> int:
        self._check(queue)
        if ids is not None:
            return sum(self._run(DISCARD, queue, b"some", *some)[0] for some in _slices(ids))
        removed, more = 0, 1
        while more:
            some, more = self._run(DISCARD, queue, b"all")
            removed += some
        return removed

    def store(self) -> RedisStore:
        return RedisStore(self._url, namespace=self._namespace, beside=self._link)

    def weaknesses(self) -> list[Finding]:
        self._check_open()
        return findings(self._facts, self._link.location)

    def subscribe(self, report: Callable[[str, Mapping[str, Any]], None]) -> None:
        self._link.report = report

    # Steps

    def _begin(self) -> None:
        self._facts = facts_of(self._link.infos())
        self.capabilities = capabilities_of(self._facts, self._link.location)
        self._link.teach(OF_JOBS)

    def _maintain(self, budget: float) -> float:
        deadline = time.monotonic() + budget
        self._link.check_epoch()
        names = self._link.queues()
        following = _IDLE
        while names:
            busy = []
            for first in range(0, len(names), 100):
                some = names[first : first + 100]
                replies = self._link.ask([self._link.call(MAINTAIN, [name], []) for name in some])
                for name, (more, wait) in zip(some, replies, strict=True):
                    if more:
                        busy.append(name)
                    elif wait >= 0:
                        following = min(following, wait / 1000)
            if busy and time.monotonic() >= deadline:
                return 0.0
            names = busy
        return max(_SOONEST, following)

    def _check_open(self) -> None:
        if not self._opened:
            raise Misuse(f"{self!r} is not open; call open() first, and nothing after close()")
        self._link.check_open()

    def _check(self, queue: str) -> None:
        checked_name(queue, "a queue's name")
        self._check_open()

    def _list(self, names: Sequence[str]) -> None:
        """Put queues into the list of all, before anything happens to them: where that is refused,
        nothing has.
        """
        commands = self._link.listing(names)
        if commands:
            self._link.ask(commands, reads=True)  # once more does no harm
            self._link.listed(names)

    def _run(self, script: Script, queue: str, *words: Word) -> Any:
        self._check(queue)
        return self._link.run(script, queue, *words)

    def _look(self, script: Script, queue: str, *words: Word) -> Any:
        self._check(queue)
        return self._link.run(script, queue, *words, reads=True)

    def _find(self, queue: str, ids: Sequence[str]) -> list[JobRecord | None]:
        found: list[JobRecord | None] = []
        self._check(queue)
        for some in _slices(ids):
            found += [records.record(queue, row) for row in self._look(GET, queue, *some)]
        return found

    def _browse_leased(self, queue: str, cursor: str, limit: int) -> Page:
        """By id, which stays while leases come, go and are extended."""
        self._look(GET, queue)  # of nobody: takes lapsed leases back
        found = self._link.do(b"HKEYS", self._link.keys.own(queue), reads=True)
        ids = sorted(id.decode() for id in found)
        after = cursor.removeprefix("id:")
        ids = [id for id in ids if id > after] if cursor else ids
        rows = [record for record in self._find(queue, ids[:limit]) if record is not None]
        following = f"id:{ids[limit - 1]}" if len(ids) > limit else None
        return Page([each for each in rows if each.state is State.LEASED], following)

    def _flags(self) -> list[tuple[str, bool, bool, bool]]:
        """Of every queue: its name, whether it is paused, declared, and holds a job."""
        self._check_open()
        names = self._link.queues()
        commands: list[Command] = []
        for name in names:
            keys = self._link.keys
            commands.append(Plain((b"HMGET", keys.flags(name), b"paused", b"declared")))
            commands.append(Plain((b"HLEN", keys.jobs(name))))
        replies = self._link.ask(commands, reads=True) if commands else []
        return [
            (name, flags[0] is not None, flags[1] is not None, jobs > 0)
            for name, flags, jobs in zip(names, replies[::2], replies[1::2], strict=True)
        ]


def _known(jobs: Sequence[Envelope], ask: Callable[[], T]) -> T:
    """What `ask` returns; EnqueueUncertain if nobody can know whether the jobs are stored."""
    try:
        return ask()
    except Uncertain as error:
        raise EnqueueUncertain(str(error), jobs) from error


def _has_ended(found: Sequence[JobRecord | None]) -> bool:
    return any(record is None or record.state.is_terminal for record in found)


def _slices(ids: Sequence[str]) -> list[Sequence[str]]:
    return [ids[first : first + _LOT] for first in range(0, len(ids), _LOT)]
