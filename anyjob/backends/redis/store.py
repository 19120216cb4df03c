"""The Redis store: state beside the jobs, on the same server."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from anyjob.backends.checks import (
    check_batch,
    check_claims,
    check_instant,
    check_keys,
    check_put,
    check_size,
    check_value,
)
from anyjob.backends.redis import scripts
from anyjob.backends.redis.cluster import link_to
from anyjob.backends.redis.encode import microseconds, milliseconds
from anyjob.backends.redis.facts import Facts, durability_of, facts_of
from anyjob.backends.redis.keys import StateKeys
from anyjob.backends.redis.link import Link
from anyjob.backends.redis.resp import Word
from anyjob.backends.redis.scripts import Call, Script
from anyjob.backends.redis.url import parse_url
from anyjob.core.clock import Clock
from anyjob.core.errors import InvalidOption, Misuse
from anyjob.core.names import checked_name
from anyjob.core.seam import check_count, check_seconds
from anyjob.core.store import (
    Claim,
    ClaimRequest,
    Delete,
    Due,
    Entry,
    Member,
    MemberSettled,
    Point,
    Put,
    Store,
    StoreCapabilities,
    Written,
)

MAX_BATCH = 1000
MAX_VALUE = 64 * 1024 * 1024
#: Members of a set are bits of one value, which the server keeps whole in memory.
MAX_SIZE = 2**30
#: The last instant that the server's numbers hold to the microsecond, far beyond any calendar.
_LAST_INSTANT = 2**53 / 1e6 - 1
#: Nothing has to be swept: the server forgets by itself.
_IDLE = 60.0


class RedisStore(Store):
    """Remembers state in a Redis or Valkey server; URLs as `RedisBackend` takes them."""

    def __init__(
        self,
        url: str,
        *,
        namespace: str = "anyjob",
        clock: Clock | None = None,
        beside: Link | None = None,
    ) -> None:
        """`beside` shares the connections of a backend on the same URL."""
        location = parse_url(url)
        checked_name(namespace, "a namespace")
        self._link = beside or link_to(location, namespace, clock)
        self._keys = StateKeys(namespace)
        self._opened = False

    def __repr__(self) -> str:
        return f"RedisStore({self._link.location.shown!r})"

    def open(self) -> None:
        if self._opened:
            self._link.check_open()
            return
        self._link.open(lambda: None)
        try:
            facts = facts_of(self._link.infos())
        except BaseException:
            self._link.close()
            raise
        self.capabilities = self._capabilities(facts)
        self._link.teach(scripts.OF_STATE)
        self._opened = True

    def close(self) -> None:
        if self._opened:
            self._opened = False
            self._link.close()

    def get(self, keys: Sequence[str]) -> list[Entry | None]:
        self._check(keys)
        found = self._ask(scripts.STORE_GET, map(self._keys.value, keys), reads=True)
        return [None if each is None else Entry(each[1], int(each[0])) for each in found]

    def put(self, puts: Sequence[Put]) -> list[Written]:
        self._check([put.key for put in puts])
        words: list[Word] = []
        for put in puts:
            check_put(put, MAX_VALUE)
            condition: Word = b"" if put.if_version is None else put.if_version
            words += (put.value, _ttl(put.ttl), b"absent" if put.if_absent else condition)
        keys = [self._keys.value(put.key) for put in puts]
        return list(map(_written, self._ask(scripts.STORE_PUT, keys, words)))

    def delete(self, deletes: Sequence[Delete]) -> list[Written]:
        self._check([delete.key for delete in deletes])
        words: list[Word] = [
            b"" if delete.if_version is None else delete.if_version for delete in deletes
        ]
        keys = [self._keys.value(delete.key) for delete in deletes]
        return list(map(_written, self._ask(scripts.STORE_DELETE, keys, words)))

    def claim(self, claims: Sequence[ClaimRequest]) -> list[Claim]:
        self._check([claim.key for claim in claims])
        check_claims(claims)
        words: list[Word] = []
        for claim in claims:
            words += (claim.owner, milliseconds(claim.ttl))
        keys = [self._keys.claim(claim.key) for claim in claims]
        return [
            Claim(granted == 1, owner.decode(), int(fence), left / 1000)
            for granted, owner, fence, left in self._ask(scripts.STORE_CLAIM, keys, words)
        ]

    def unclaim(self, claims: Sequence[tuple[str, int]]) -> list[bool]:
        self._check([key for key, _ in claims])
        keys = [self._keys.claim(key) for key, _ in claims]
        return _yes(self._ask(scripts.STORE_UNCLAIM, keys, [fence for _, fence in claims]))

    def create_sets(self, sets: Sequence[tuple[str, int]]) -> list[bool]:
        self._check([name for name, _ in sets])
        for name, size in sets:
            check_size(name, size)
            if size > MAX_SIZE:
                raise InvalidOption(
                    f"expected the size of set {name!r} to be {MAX_SIZE} at most, got {size}"
                )
        keys = [self._keys.members(name) for name, _ in sets]
        return _yes(self._ask(scripts.STORE_CREATE_SETS, keys, [size for _, size in sets]))

    def settle_members(self, members: Sequence[Member]) -> list[MemberSettled]:
        self._check([member.set for member in members])
        for member in members:
            if type(member.ordinal) is not int or not 0 <= member.ordinal < MAX_SIZE:
                self._refuse_member(member, self._size(member.set))
        keys = [self._keys.members(member.set) for member in members]
        ordinals = [member.ordinal for member in members]
        answers = self._ask(scripts.STORE_SETTLE_MEMBERS, keys, ordinals)
        if answers and isinstance(answers[0], int):
            self._refuse_member(members[answers[0] - 1], answers[1])
        return [MemberSettled(changed == 1, left) for changed, left in answers]

    def increment(self, amounts: Sequence[tuple[str, int]]) -> list[int]:
        self._check([key for key, _ in amounts])
        for key, amount in amounts:
            if type(amount) is not int or not -(2**63) < amount < 2**63:
                _refuse_counter(key)
        keys = [self._keys.counter(key) for key, _ in amounts]
        values = self._ask(scripts.STORE_INCREMENT, keys, [amount for _, amount in amounts])
        if isinstance(values, int):
            _refuse_counter(amounts[values - 1][0])
        return [int(value) for value in values]

    def schedule(self, entries: Sequence[tuple[str, str, float, bytes]]) -> list[bool]:
        self._check([name for name, _, _, _ in entries])
        check_keys([id for _, id, _, _ in entries])
        words: list[Word] = []
        for _, id, due, value in entries:
            check_instant(due)
            if abs(due) > _LAST_INSTANT:
                raise InvalidOption(f"expected due to be seconds since the epoch, got {due!r}")
            check_value(value, MAX_VALUE)
            words += (id, math.ceil(due * 1_000_000), value)
        keys = [self._keys.schedule(name) for name, _, _, _ in entries]
        return _yes(self._ask(scripts.STORE_SCHEDULE, keys, words))

    def take_due(self, set: str, limit: int, lease: float) -> list[Due]:
        self._check([set])
        check_count(limit, "limit", MAX_BATCH)
        check_seconds(lease, "a lease", zero=False)
        taken = self._ask(
            scripts.STORE_TAKE_DUE, [self._keys.schedule(set)], [limit, milliseconds(lease)]
        )
        return [
            Due(set, id.decode(), int(due) / 1_000_000, value, int(token))
            for id, due, value, token in taken
        ]

    def settle_due(self, taken: Sequence[Due]) -> list[bool]:
        self._check([due.set for due in taken])
        words: list[Word] = [word for due in taken for word in (due.id, due.token)]
        keys = [self._keys.schedule(due.set) for due in taken]
        return _yes(self._ask(scripts.STORE_SETTLE_DUE, keys, words))

    def unschedule(self, entries: Sequence[tuple[str, str]]) -> list[bool]:
        self._check([name for name, _ in entries])
        check_keys([id for _, id in entries])
        keys = [self._keys.schedule(name) for name, _ in entries]
        return _yes(self._ask(scripts.STORE_UNSCHEDULE, keys, [id for _, id in entries]))

    def append(self, points: Sequence[tuple[str, bytes]], keep: float) -> None:
        self._check([name for name, _ in points])
        check_seconds(keep, "keep")
        for _, value in points:
            check_value(value, MAX_VALUE)
        keys = [self._keys.series(name) for name, _ in points]
        self._ask(scripts.STORE_APPEND, keys, [microseconds(keep), *(value for _, value in points)])

    def series(self, name: str, after: tuple[float, int] | None, limit: int) -> list[Point]:
        self._check([name])
        check_count(limit, "limit", MAX_BATCH)
        first = "-" if after is None else f"({round(after[0] * 1_000_000)}-{after[1]}"
        [key] = self._keys.series(name)
        found = self._link.do(b"XRANGE", key, first, b"+", b"COUNT", limit, reads=True)
        return [_point(*each) for each in found]

    def maintain(self, budget: float) -> float:
        self._check([])
        return _IDLE

    # Steps

    def _capabilities(self, facts: Facts) -> StoreCapabilities:
        return StoreCapabilities(
            product=facts.product,
            version=facts.version,
            durability=durability_of(facts, self._link.location),
            max_value=MAX_VALUE,
            max_batch=MAX_BATCH,
            resolution=0.001,
        )

    def _check(self, keys: Sequence[str]) -> None:
        if not self._opened:
            raise Misuse(f"{self!r} is not open; call open() first, and nothing after close()")
        self._link.check_open()
        check_batch(keys, MAX_BATCH)
        check_keys(keys)

    def _ask(
        self,
        script: Script,
        keys: Iterable[tuple[bytes, ...]],
        words: Sequence[Word] = (),
        *,
        reads: bool = False,
    ) -> Any:
        flat = [key for each in keys for key in each]
        if not flat:
            return []
        call = Call(script, [self._keys.stamp, *flat], [self._link.now(), *words])
        return self._link.ask([call], reads=reads)[0]

    def _size(self, name: str) -> int:
        size = self._link.do(b"HGET", self._keys.members(name)[0], b"size", reads=True)
        return -1 if size is None else int(size)

    def _refuse_member(self, member: Member, size: int) -> None:
        if size < 0:
            raise InvalidOption(f"no set {member.set!r} was created")
        raise InvalidOption(
            f"expected an ordinal of set {member.set!r} from 0 to {size - 1},"
            f" got {member.ordinal!r}"
        )


def _ttl(ttl: float | None) -> Word:
    return b"" if ttl is None else milliseconds(ttl)


def _written(answer: list[Any]) -> Written:
    done, version = answer
    return Written(done=done == 1, version=int(version) if version else None)


def _yes(answers: Iterable[int]) -> list[bool]:
    return [answer == 1 for answer in answers]


def _refuse_counter(key: str) -> None:
    raise InvalidOption(f"expected counter {key!r} to stay within 64 bits")


def _point(id: bytes, fields: list[bytes]) -> Point:
    at, _, sequence = id.partition(b"-")
    return Point(int(at) / 1_000_000, int(sequence), fields[1])
