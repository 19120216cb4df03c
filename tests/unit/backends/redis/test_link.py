"""Connections of a process: kept, found broken, refused for a while, never left to a child."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
import redis

from anyjob.backends.redis import RedisBackend
from anyjob.backends.redis.consumer import RedisConsumer
from anyjob.backends.redis.link import Link
from anyjob.backends.redis.resp import ReplyError
from anyjob.backends.redis.scripts import Plain
from anyjob.backends.redis.url import parse_url
from anyjob.conformance.servers.own_process import Running
from anyjob.core.backend import Consumer, QueueShare
from anyjob.core.envelope import ACCEPTED, Duplicate
from anyjob.core.errors import BackendUnavailable, EnqueueUncertain, Misuse
from anyjob.core.settlement import Answer, Complete, Lease
from tests.unit.backends.redis.conftest import (
    PASSWORD,
    MakeJob,
    Open,
    StartServer,
    everything_told,
    raw,
    say,
)
from tests.unit.backends.redis.impostor import posing
from tests.waiting import until

#: What a call may take, and a second for the machine.
DEADLINE = 6.0


@pytest.fixture
def link(server: Running, namespace: str) -> Iterator[Link]:
    link = Link(parse_url(server.url), namespace, None)
    link.open(lambda: None)
    yield link
    link.close()


@contextmanager
def within_deadline() -> Iterator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < DEADLINE


def test_link_that_is_retired_keeps_no_connection_and_cuts_none_off(link: Link) -> None:
    deadline = time.monotonic() + DEADLINE
    busy, idle = link.take(deadline), link.take(deadline)
    link.give(idle)

    link.retire()

    ping = Plain((b"PING",)).packed()
    assert busy.exchange(ping, 1, deadline) == [b"PONG"]
    assert not idle.is_whole
    link.give(busy)
    assert not link.is_used
    # Whoever has it still may ask there.
    assert link.do(b"PING") == b"PONG"
    assert not link.is_used


def test_connection_is_used_again(link: Link) -> None:
    first = link.do(b"CLIENT", b"ID")

    assert [link.do(b"CLIENT", b"ID") for _ in range(5)] == [first] * 5


def test_calls_at_once_have_a_connection_each(link: Link) -> None:
    one, two = link.take(time.monotonic() + 5), link.take(time.monotonic() + 5)
    link.give(one)
    link.give(two)

    assert one is not two
    assert link.take(time.monotonic() + 5) is two
    link.give(two)


def test_refusal_leaves_the_connection_whole(link: Link) -> None:
    first = link.do(b"CLIENT", b"ID")
    [reply] = link.tell([Plain((b"NONSENSE",))])

    assert isinstance(reply, ReplyError)
    assert link.do(b"CLIENT", b"ID") == first


def test_last_user_ends_the_connections(link: Link) -> None:
    link.open(lambda: None)
    link.close()
    link.do(b"PING")
    link.close()

    with pytest.raises(Misuse, match="not open"):
        link.do(b"PING")
    assert not link.is_open
    assert PASSWORD not in repr(link)


def test_check_that_fails_leaves_it_closed(server: Running, namespace: str) -> None:
    link = Link(parse_url(server.url), namespace, None)

    def unfit() -> None:
        link.do(b"PING")
        raise BackendUnavailable("unfit")

    with pytest.raises(BackendUnavailable, match="unfit"):
        link.open(unfit)
    assert not link.is_open


def test_closed_backend_and_what_came_of_it_are_misused(
    backend: RedisBackend, job: MakeJob
) -> None:
    consumer = backend.consume([QueueShare("mail")], lease=30, worker="worker-1")
    store = backend.store()
    backend.close()
    backend.close()

    for call in (
        lambda: backend.enqueue([job()]),
        lambda: backend.counts("mail"),
        lambda: backend.maintain(1.0),
        lambda: consumer.fetch(1, 0),
        lambda: consumer.flush(1),
        lambda: store.get(["key"]),
    ):
        with pytest.raises(Misuse):
            call()
    consumer.close(release=True)
    backend.open()
    assert backend.enqueue([job()]) == [ACCEPTED]


def test_closing_ends_a_fetch_that_waits(
    backend: RedisBackend, consumer: Consumer, admin: redis.Redis
) -> None:
    ended: list[Any] = []
    waiting = threading.Thread(target=lambda: ended.append(consumer.fetch(1, 60)))
    waiting.start()
    until(lambda: admin.info("clients")["blocked_clients"] == 1)
    began = time.monotonic()

    backend.close()
    waiting.join(20)

    assert ended == [[]]
    assert time.monotonic() - began < 4


def test_server_that_was_restarted_while_idle_costs_no_uncertain_answer(
    spare: Running, opened: Open, job: MakeJob
) -> None:
    backend = opened(spare.url)
    backend.enqueue([job()])
    spare.restart()

    # Longer ago than a connection is taken to be open unseen.
    until(lambda: not any(wire.was_used_since(time.monotonic() - 0.1) for wire in wires(backend)))
    assert backend.enqueue([job()]) == [ACCEPTED]
    assert backend.counts("mail").ready == 2


def wires(backend: RedisBackend) -> set[Any]:
    return backend._link._wires  # noqa: SLF001 - no other door tells of connections


def test_server_without_its_data_is_reported(spare: Running, opened: Open, job: MakeJob) -> None:
    told: list[str] = []
    backend = opened(spare.url)
    backend.subscribe(lambda name, facts: told.append(name))
    backend.enqueue([job()])
    with closing(raw(spare)) as admin:
        admin.flushall()

    backend.maintain(1.0)
    backend.enqueue([job()])

    assert told == ["store.reset_detected"]
    assert backend.queues() == {"mail"}


def test_server_that_is_gone_is_unavailable_at_once(
    spare: Running, opened: Open, job: MakeJob
) -> None:
    backend = opened(spare.url)
    consumer = backend.consume([QueueShare("mail")], lease=30, worker="worker-1")
    spare.kill()
    until(lambda: not any(wire.was_used_since(time.monotonic() - 0.1) for wire in wires(backend)))

    with within_deadline():
        for call in (
            lambda: backend.enqueue([job()]),
            lambda: backend.counts("mail"),
            lambda: backend.maintain(1.0),
            lambda: consumer.fetch(1, 1),
        ):
            with pytest.raises(BackendUnavailable) as refusal:
                call()
            assert PASSWORD not in everything_told(refusal.value)
        consumer.close(release=True)


FORKED = """
import os, signal, sys, threading, uuid
from anyjob.backends.redis import RedisBackend
from anyjob.core.backend import QueueShare
from anyjob.core.envelope import Envelope
from anyjob.core.errors import Misuse

def job(): return Envelope(str(uuid.uuid4()), "mail", b"body")
backend = RedisBackend(sys.argv[1], namespace=sys.argv[2]); backend.open()
store = backend.store(); store.open()
consumer = backend.consume([QueueShare("other")], lease=30, worker="w")
backend.enqueue([job()])
found = []
waiting = threading.Thread(target=lambda: found.append(consumer.fetch(1, 3)))
waiting.start()
while not consumer._fetching.locked(): pass
child = os.fork()
if child == 0:
    signal.alarm(20)  # it outlives nobody who waits for it
    refused = 0
    for use in (lambda: backend.enqueue([job()]), lambda: consumer.fetch(1, 0), backend.open,
                lambda: backend.counts("mail"), lambda: backend.maintain(1),
                lambda: store.get(["a"])):
        try:
            use()
        except Misuse as error:
            refused += "fork" in str(error)
    consumer.close(release=True)
    store.close()
    backend.close()
    fresh = RedisBackend(sys.argv[1], namespace=sys.argv[2]); fresh.open(); fresh.enqueue([job()])
    fresh.close()
    os._exit(refused)
_, status = os.waitpid(child, 0)
assert os.waitstatus_to_exitcode(status) == 6, status
other = Envelope(str(uuid.uuid4()), "other", b"body")
backend.enqueue([job(), other])
waiting.join()
assert [lease.id for lease in found[0]] == [other.id], found
assert backend.counts("mail").ready == 3
consumer.close(release=True)
store.close()
backend.close()
print("good")
"""


def test_forked_child_is_refused_and_leaves_its_parent_alone(
    server: Running, namespace: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORKED, server.url, namespace],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )

    assert done.stdout == "good\n", done.stderr


def test_script_cache_that_is_flushed_in_mid_run_costs_nothing(
    backend: RedisBackend, consumer: Consumer, admin: redis.Redis, job: MakeJob
) -> None:
    flushing = admin.script_flush
    store = backend.store()
    store.open()
    jobs = [job() for _ in range(4)]
    for each in jobs:
        flushing()
        assert backend.enqueue([each]) == [ACCEPTED]
    flushing()
    leases = consumer.fetch(2, 0)
    flushing()
    assert consumer.extend(leases, 30) == []
    flushing()
    consumer.settle([Complete(lease=leases[0])])
    assert [each.answer for each in consumer.flush(5)] == [Answer.DONE]
    flushing()
    consumer.settle([Complete(lease=leases[1])])
    assert len(consumer.fetch(2, 0)) == 2
    assert [each.answer for each in consumer.flush(5)] == [Answer.DONE]
    flushing()
    assert store.increment([("counter", 1)]) == [1]
    store.close()


def test_fetch_that_settles_and_waits_goes_on_when_the_scripts_are_flushed_under_it(
    backend: RedisBackend, consumer: Consumer, admin: redis.Redis, namespace: str, job: MakeJob
) -> None:
    assert isinstance(consumer, RedisConsumer)
    backend.enqueue([job()])
    [lease] = consumer.fetch(1, 0)
    found: list[list[Lease]] = []
    waiting = threading.Thread(target=lambda: found.append(consumer.fetch(1, 60)))
    waiting.start()
    until(lambda: admin.info("clients")["blocked_clients"] == 1)

    # Woken for nothing, it settles with the next trip, which waits.
    consumer.settle([Complete(lease=lease)])
    admin.script_flush()
    admin.zadd(f"{namespace}:{{mail}}:wake", {"0": 0})
    until(lambda: not consumer._desk)  # noqa: SLF001 - it is under way
    began = time.monotonic()
    answers = [each.answer for each in consumer.flush(20)]

    assert answers == [Answer.DONE]
    assert time.monotonic() - began < 4
    backend.enqueue([other := job()])
    waiting.join(20)
    assert [lease.id for lease in found[0]] == [other.id]


@contextmanager
def busy(spare: Running) -> Iterator[redis.Redis]:
    """A script that does not end, until it is killed at the end of the block at the latest."""
    with closing(raw(spare)) as admin, closing(raw(spare)) as other:
        admin.config_set("busy-reply-threshold", 10)

        def loop() -> None:
            with pytest.raises(redis.ResponseError, match="(?i)kill"):
                say(other, "EVAL", "while true do end", 0)

        looping = threading.Thread(target=loop)
        looping.start()
        until(lambda: is_busy(admin))
        try:
            yield admin
        finally:
            if is_busy(admin):
                admin.script_kill()
            looping.join()


def is_busy(admin: redis.Redis) -> bool:
    try:
        admin.ping()
    except redis.ResponseError as error:
        return "BUSY" in str(error)
    return False


def test_script_that_does_not_end_is_told_of_by_the_deadline(
    spare: Running, namespace: str
) -> None:
    link = Link(parse_url(spare.url), namespace, None)
    link.open(lambda: link.do(b"PING"))
    with busy(spare):
        [reply] = link.tell([Plain((b"GET", b"key"))], seconds=0.8)

        assert isinstance(reply, ReplyError)
        assert "SCRIPT KILL" in str(link.refusal(reply))
    link.close()


def test_calls_go_on_once_the_script_is_killed(spare: Running, opened: Open, job: MakeJob) -> None:
    backend = opened(spare.url)
    backend.enqueue([job()])
    stored: list[Any] = []
    with busy(spare) as admin:
        enqueueing = threading.Thread(target=lambda: stored.append(backend.enqueue([job()])))
        enqueueing.start()
        # Its first trip was refused, or it comes when all is well again: it is stored once.
        admin.script_kill()
        enqueueing.join(20)

    assert stored == [[ACCEPTED]]
    assert backend.counts("mail").ready == 2


def test_server_that_loads_its_data_is_waited_for(job: MakeJob) -> None:
    refusals = iter([b"-LOADING Redis is loading the dataset in memory\r\n"] * 3)
    info = b"redis_version:7.0.15\r\nrole:master\r\n"

    def answer(words: list[bytes]) -> bytes:
        if words[0] == b"INFO":
            return b"$%d\r\n%b\r\n" % (len(info), info)
        if words[0] == b"EVALSHA" and b"mail" in b"".join(words):
            return next(refusals, b":0\r\n")
        return b"$-1\r\n"

    with posing(answer) as impostor, closing(RedisBackend(impostor.url)) as backend:
        backend.open()
        backend.resume("mail")

    assert next(refusals, None) is None


def test_replicas_are_waited_for_behind_what_is_sent_again(job: MakeJob) -> None:
    heard: list[bytes] = []
    info = b"redis_version:7.0.15\r\nrole:master\r\n"

    def answer(words: list[bytes]) -> bytes:
        heard.append(words[0])
        match words[0]:
            case b"INFO":
                return b"$%d\r\n%b\r\n" % (len(info), info)
            case b"EVALSHA":
                return b"-NOSCRIPT No matching script\r\n"
            case b"EVAL" if b"{mail}" in b"".join(words):
                return b"*1\r\n:1\r\n"
        return b":1\r\n"

    with (
        posing(answer) as impostor,
        closing(RedisBackend(f"{impostor.url}?wait_replicas=1")) as backend,
    ):
        backend.open()
        heard.clear()
        assert backend.enqueue([job()]) == [ACCEPTED]

    assert heard == [b"EVALSHA", b"EVALSHA", b"WAIT", b"EVAL", b"EVAL", b"WAIT"]


@pytest.mark.parametrize("code", ["LOADING", "MASTERDOWN", "CLUSTERDOWN", "NOREPLICAS"])
def test_refusal_that_does_not_pass_ends_by_the_deadline(code: str, namespace: str) -> None:
    with posing(lambda words: f"-{code} for ever\r\n".encode()) as impostor:
        link = Link(parse_url(impostor.url), namespace, None)
        link.open(lambda: None)
        began = time.monotonic()
        [reply] = link.tell([Plain((b"GET", b"key"))], seconds=0.1)
        took = time.monotonic() - began
        link.close()

    assert isinstance(reply, ReplyError)
    assert reply.code == code
    assert took < 2


def test_frozen_server_is_told_of_by_the_deadline(
    start_server: StartServer, opened: Open, job: MakeJob
) -> None:
    spare = start_server()
    backend, idle, fresh = opened(spare.url), opened(spare.url), RedisBackend(spare.url)
    consumer = backend.consume([QueueShare("mail")], lease=30, worker="worker-1")
    sent = [job()]
    backend.enqueue([job()])
    [lease] = consumer.fetch(1, 0)
    consumer.settle([Complete(lease=lease)])
    ended: dict[str, Any] = {}

    def call(name: str, action: Callable[[], Any]) -> threading.Thread:
        def run() -> None:
            began = time.monotonic()
            try:
                ended[name] = action()
            except Exception as error:
                ended[name] = error
            ended[f"{name} took"] = time.monotonic() - began

        thread = threading.Thread(target=run)
        thread.start()
        return thread

    spare.freeze()
    threads = [
        call("enqueue", lambda: backend.enqueue(sent)),
        call("counts", lambda: idle.counts("mail")),
        call("fetch", lambda: consumer.fetch(1, 0)),
        call("flush", lambda: consumer.flush(1)),
        call("open", fresh.open),
        call("extend", lambda: consumer.extend([lease], 30)),
    ]
    for thread in threads:
        thread.join(30)
    spare.thaw()

    assert type(ended["enqueue"]) is EnqueueUncertain
    assert ended["enqueue"].envelopes == tuple(sent)
    for name in ("counts", "fetch", "open", "extend"):
        assert type(ended[name]) is BackendUnavailable, name
        assert PASSWORD not in everything_told(ended[name])
    assert [each.answer for each in ended["flush"]] == [Answer.UNKNOWN]
    assert max(ended[f"{name} took"] for name in ("enqueue", "counts", "fetch", "open")) < DEADLINE
    assert backend.enqueue(sent) == [Duplicate(sent[0].id)]  # it arrived, as it turns out


def test_closing_is_bounded_on_a_frozen_server(spare: Running, opened: Open, job: MakeJob) -> None:
    backend = opened(spare.url)
    consumer = backend.consume(
        [QueueShare(name) for name in ("mail", "files", "reports")], lease=30, worker="worker-1"
    )
    backend.enqueue([job()])
    consumer.settle([Complete(lease=lease) for lease in consumer.fetch(1, 0)])
    spare.freeze()

    # Settlements, releases and all, as one call.
    with within_deadline():
        consumer.close(release=True)
        backend.close()

    spare.thaw()
