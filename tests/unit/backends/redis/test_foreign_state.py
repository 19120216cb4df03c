"""Somebody else's key where one of the store's belongs: each call works or is refused as a whole,
and once that key is moved away, it does what it would have done.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis

from anyjob.backends.redis import RedisStore
from anyjob.backends.redis.keys import StateKeys
from anyjob.conformance.clock import FakeClock
from anyjob.conformance.servers.own_process import Running
from anyjob.core.errors import BackendCorrupt
from anyjob.core.store import ClaimRequest, Delete, Due, Member, Put

#: Names that something is kept under, and others; the key is planted behind one that is in order.
KEPT, NEW = ["one", "two"], ["three", "four"]
ALL = ["one", "three", "two", "four"]
STRANGE = ["two", "four"]
NEVER = 4e9


class State:
    """A store with something of each kind under each of the kept names."""

    def __init__(self, server: Running, namespace: str) -> None:
        self.clock = FakeClock()
        self.store = RedisStore(server.url, namespace=namespace, clock=self.clock)
        self.store.open()
        self.store.put([Put(name, b"value") for name in KEPT])
        claims = self.store.claim([ClaimRequest(name, "me", 60) for name in KEPT])
        self.fences = [claim.fence for claim in claims]
        self.store.increment([(name, 5) for name in KEPT])
        self.store.create_sets([(name, 3) for name in KEPT])
        self.store.settle_members([Member(name, 0) for name in KEPT])
        self.store.append([(name, b"first") for name in KEPT], 60)
        # One that is held, one whose lease has run out, one that is free and due, one that is not.
        self._schedule("lapsed", 0.0)
        self._take(1.0)
        self.clock.advance(2.0)
        self._schedule("free", 0.0)
        self._schedule("later", NEVER)
        self._schedule("held", -1.0)
        self.held = [due for name in KEPT for due in self.store.take_due(name, 1, 60.0)]

    def _schedule(self, id: str, due: float) -> None:
        self.store.schedule([(name, id, due, b"value") for name in KEPT])

    def _take(self, lease: float) -> None:
        for name in KEPT:
            assert len(self.store.take_due(name, 10, lease)) == 1


def get(at: State) -> Any:
    return at.store.get(ALL)


def put(at: State) -> Any:
    return at.store.put([Put(name, b"new", if_absent=name in NEW) for name in ALL])


def delete(at: State) -> Any:
    return at.store.delete([Delete(name) for name in ALL])


def claim(at: State) -> Any:
    return at.store.claim([ClaimRequest(name, "me", 90) for name in ALL])


def unclaim(at: State) -> Any:
    return at.store.unclaim(list(zip(KEPT, at.fences, strict=True)))


def increment(at: State) -> Any:
    return at.store.increment([(name, 2) for name in ALL])


def create_sets(at: State) -> Any:
    return at.store.create_sets([(name, 4) for name in ALL])


def settle_members(at: State) -> Any:
    return at.store.settle_members([Member(name, 1) for name in KEPT])


def schedule(at: State) -> Any:
    return at.store.schedule([(name, "new", 1.0, b"value") for name in ALL])


def take_due(at: State) -> Any:
    return at.store.take_due("two", 10, 60.0)


def settle_due(at: State) -> Any:
    return at.store.settle_due([*at.held, Due("four", "held", 0.0, b"", 1)])


def unschedule(at: State) -> Any:
    return at.store.unschedule([(name, id) for id in ("free", "later", "held") for name in ALL])


def append(at: State) -> Any:
    return at.store.append([(name, b"next") for name in ALL], 60)


def series(at: State) -> Any:
    return [at.store.series(name, None, 10) for name in ALL]


CALLS: list[Callable[[State], Any]] = [
    get, put, delete, claim, unclaim, increment, create_sets, settle_members, schedule, take_due,
    settle_due, unschedule, append, series,
]  # fmt: skip


def strange_keys(namespace: str) -> list[bytes]:
    """Every key of the strange names, and that of them all."""
    keys = StateKeys(namespace)
    kinds = (keys.value, keys.claim, keys.counter, keys.members, keys.schedule, keys.series)
    return [keys.stamp, *(key for name in STRANGE for kind in kinds for key in kind(name))]


@contextlib.contextmanager
def planted(admin: redis.Redis, key: bytes) -> Iterator[None]:
    """Somebody else's key in the place of ours, which is put back in the end."""
    aside = b"aside:" + key
    is_text = admin.type(key) == b"string" or b":members:" in key
    had_one = admin.exists(key)
    if had_one:
        admin.rename(key, aside)
    if is_text or any(part in key for part in (b":value:", b":claim:", b":counter:")):
        admin.rpush(key, "somebody else's")
    else:
        admin.set(key, "somebody else's")
    try:
        yield
    finally:
        admin.delete(key)
        if had_one:
            admin.rename(aside, key)


def kept(admin: redis.Redis, namespace: str) -> dict[bytes, Any]:
    """All that there is under a namespace, by the rest of its name."""
    keys = sorted(admin.scan_iter(f"{namespace}:{{~}}:*", count=1000))
    return {key.removeprefix(namespace.encode()): admin.dump(key) for key in keys}


def outcome(call: Callable[[State], Any], at: State) -> Any:
    """What a call returns, or the error that says whose key is in the way."""
    try:
        return call(at)
    except BackendCorrupt as error:
        return error


@pytest.mark.parametrize("call", CALLS)
def test_key_of_another_type_in_any_place_of_the_store_loses_nothing(
    call: Callable[[State], Any], admin: redis.Redis, server: Running, namespace: str
) -> None:
    plain = State(server, namespace)
    expected = call(plain)
    after = kept(admin, namespace)
    plain.store.close()
    refused = []

    for number, key in enumerate(strange_keys(namespace)):
        other = f"{namespace}.{number}"
        strange = key.replace(namespace.encode(), other.encode(), 1)
        at = State(server, other)
        before = kept(admin, other)
        with planted(admin, strange):
            told = outcome(call, at)
        if isinstance(told, BackendCorrupt):
            refused.append(key)
            assert "holds a key of another type" in str(told)
            assert kept(admin, other) == before, key
            told = call(at)
            assert kept(admin, other) == after, key
        assert told == expected, key
        at.store.close()

    assert refused  # or nothing was planted where this call looks
