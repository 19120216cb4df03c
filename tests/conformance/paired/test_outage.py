"""A store, or its backend, that goes away and comes back: nothing runs unknown, nothing is lost."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from anyjob.backends.memory import MemoryBackend
from anyjob.backends.paired import PairedBackend
from anyjob.backends.redis import RedisBackend, RedisStore
from anyjob.conformance.scene import QUEUE
from anyjob.conformance.servers import Running
from anyjob.conformance.wire import Proxy
from anyjob.core.backend import Backend, Consumer, QueueShare, QueueSpec
from anyjob.core.envelope import ACCEPTED, Duplicate, Envelope, Unique
from anyjob.core.errors import BackendError, BackendUnavailable
from anyjob.core.settlement import Answer, Complete
from anyjob.core.state import State
from tests.conformance.paired.thin import ThinBackend
from tests.conformance.redis.harness import RedisHarness
from tests.waiting import until

IDS = [f"00000000-0000-7000-8000-{number:012x}" for number in range(1, 20)]
#: The longest that a call may take: the store's own bound, and what a busy machine adds.
BOUND = 10.0


@pytest.fixture
def server() -> Iterator[Running]:
    running = RedisHarness.server.start(lambda _: True, RedisHarness.root)
    yield running
    running.stop()


class Pair:
    """A pair whose store is reached through a wire."""

    def __init__(self, server: Running, proxy: Proxy, inner: Backend | None = None) -> None:
        self.thin = ThinBackend(inner or MemoryBackend("memory://"))
        self.told: list[tuple[str, Mapping[str, Any]]] = []
        self.backend: Backend = PairedBackend(self.thin, RedisStore(server.url_at(proxy.port)))
        self.backend.subscribe(lambda name, facts: self.told.append((name, facts)))
        self.backend.open()
        self.backend.declare([QueueSpec(QUEUE)])

    def consumer(self) -> Consumer:
        return self.backend.consume([QueueShare(QUEUE)], lease=60.0, worker="w")

    def enqueue(self, *ids: str, key: str | None = None) -> list[object]:
        unique = None if key is None else Unique(key)
        jobs = [Envelope(id, QUEUE, b"body", unique=unique) for id in ids]
        return list(self.backend.enqueue(jobs))

    def is_back(self) -> bool:
        try:
            return self.backend.get(QUEUE, [IDS[-1]]) == [None]
        except BackendError:
            return False


@pytest.mark.parametrize("how", ["refused", "silent"])
def test_store_that_is_away_stops_the_pair_and_loses_nothing(server: Running, how: str) -> None:
    with Proxy(server.port) as proxy:
        pair = Pair(server, proxy)
        assert pair.enqueue(*IDS[:3]) == [ACCEPTED] * 3
        consumer = pair.consumer()
        [first] = consumer.fetch(1, 0.0)

        if how == "silent":
            proxy.is_silent = True
        else:
            proxy.go_down()
        began = time.monotonic()
        with pytest.raises(BackendUnavailable) as refused:
            pair.enqueue(IDS[3])
        assert refused.value.retryable
        assert time.monotonic() - began < BOUND
        assert pair.thin.counts(QUEUE).ready == 2
        time.sleep(1.1)  # what was known of the queue is older than a second
        with pytest.raises(BackendError):
            consumer.fetch(1, 0.0)
        complete = Complete(lease=first)
        consumer.settle([complete])
        assert [each.answer for each in consumer.flush(1.0)] == [Answer.UNKNOWN]

        proxy.heal()
        until(pair.is_back, "for the store")
        consumer.settle([complete])
        assert [each.answer for each in consumer.flush(BOUND)] == [Answer.DONE]
        rest = consumer.fetch(10, 1.0)
        assert sorted(lease.id for lease in rest) == IDS[1:3]
        assert {lease.redeliveries for lease in rest} == {0}
        until(lambda: [name for name, _ in pair.told] == ["store.down", "store.up"])
        [record] = pair.backend.get(QUEUE, IDS[:1])
        assert record is not None
        assert record.state is State.SUCCEEDED
        consumer.close(release=True)
        pair.backend.close()


def test_store_that_was_killed_is_used_again_and_knows_what_it_knew(server: Running) -> None:
    with Proxy(server.port) as proxy:
        pair = Pair(server, proxy)
        pair.enqueue(IDS[0], key="key")
        pair.enqueue(*IDS[1:3])
        consumer = pair.consumer()
        leases = consumer.fetch(3, 0.0)
        complete = Complete(lease=leases[1])
        time.sleep(1.1)  # so long may pass until the store's file is written

        server.kill()
        with pytest.raises(BackendUnavailable):
            pair.enqueue(IDS[3])
        began = time.monotonic()
        consumer.settle([complete])
        assert [each.answer for each in consumer.flush(1.0)] == [Answer.UNKNOWN]
        assert time.monotonic() - began < BOUND
        late = pair.consumer()
        with pytest.raises(BackendError):
            late.fetch(1, 0.0)
        server.run()

        until(pair.is_back, "for the store")
        consumer.settle([complete])
        assert [each.answer for each in consumer.flush(BOUND)] == [Answer.DONE]
        assert pair.enqueue(IDS[0]) == [Duplicate(IDS[0])]
        assert pair.enqueue(IDS[4], key="key") == [Duplicate(IDS[0])]
        assert pair.enqueue(IDS[3]) == [ACCEPTED]
        assert [lease.id for lease in late.fetch(10, 1.0)] == [IDS[3]]
        for each in (consumer, late):
            each.close(release=True)
        pair.backend.close()


@pytest.mark.parametrize("how", ["refused", "silent"])
def test_backend_that_is_away_is_given_nothing_and_what_ended_stays_so(
    server: Running, how: str
) -> None:
    with Proxy(server.port) as wire, Proxy(server.port) as proxy:
        pair = Pair(server, proxy, RedisBackend(server.url_at(wire.port), namespace="jobs"))
        pair.enqueue(*IDS[:2])
        consumer = pair.consumer()
        first, _ = consumer.fetch(2, 1.0)

        if how == "silent":
            wire.is_silent = True
        else:
            wire.go_down()
        began = time.monotonic()
        with pytest.raises(BackendError) as refused:
            pair.enqueue(IDS[2], key="key")
        assert refused.value.retryable
        assert time.monotonic() - began < BOUND
        complete = Complete(lease=first, outcome=b"result")
        consumer.settle([complete])
        assert [each.answer for each in consumer.flush(1.0)] == [Answer.UNKNOWN]
        # Its end is known already, and nothing takes it back.
        until(lambda: _state(pair, IDS[0]) is State.SUCCEEDED, "for the store to be told")

        wire.heal()
        until(lambda: _passes(pair, IDS[2]), "for the backend")
        consumer.settle([complete])
        assert [each.answer for each in consumer.flush(BOUND)] == [Answer.DONE]
        assert _state(pair, IDS[0]) is State.SUCCEEDED
        assert [lease.id for lease in consumer.fetch(10, 1.0)] == [IDS[2]]
        consumer.close(release=True)
        pair.backend.close()


def _state(pair: Pair, id: str) -> State | None:
    [record] = pair.backend.get(QUEUE, [id])
    return None if record is None else record.state


def _passes(pair: Pair, id: str) -> bool:
    """Whether the job is stored by now, under its key."""
    try:
        [receipt] = pair.enqueue(id, key="key")
    except BackendError:
        return False
    return receipt in (ACCEPTED, Duplicate(id))
