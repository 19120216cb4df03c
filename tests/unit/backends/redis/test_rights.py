"""The least that a user of the server needs, and what is said to one who has less."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path

import pytest
import redis

from anyjob.backends.redis import RedisBackend
from anyjob.conformance.servers.own_process import Running
from anyjob.core.backend import CancelResult, QueueShare, QueueSpec
from anyjob.core.envelope import ACCEPTED, Unique
from anyjob.core.errors import BackendUnavailable, ConfigurationError, InvalidOption
from anyjob.core.settlement import Answer, Bury, Complete, Release, Retry
from anyjob.core.state import State
from anyjob.core.store import ClaimRequest, Delete, Member, Put, Store
from tests.unit.backends.redis.conftest import MakeJob, everything_told, say

#: What the backend and its store call, and nothing of it concerns the server or its other users.
COMMANDS = [
    "info",
    "time",
    "eval",
    "evalsha",
    "exists",
    "pexpire",
    "unlink",
    "get",
    "getrange",
    "set",
    "setbit",
    "incrby",
    "decrby",
    "hdel",
    "hexists",
    "hget",
    "hgetall",
    "hincrby",
    "hkeys",
    "hlen",
    "hmget",
    "hset",
    "hsetnx",
    "llen",
    "lpop",
    "lpush",
    "lrange",
    "rpush",
    "sadd",
    "smembers",
    "bzpopmin",
    "zadd",
    "zcard",
    "zcount",
    "zmscore",
    "zrange",
    "zrangebyscore",
    "zrem",
    "zscore",
    "xadd",
    "xlen",
    "xrange",
    "xrevrange",
    "xtrim",
]
#: What is done without, in its own time: whoever waits for a job looks every half second, and the
#: first call of each script takes a trip more.
HELPFUL = ["ssubscribe", "spublish", "script|load"]
PASSWORD = "tenants-word"

MakeUser = Callable[..., str]


@pytest.fixture
def user(admin: redis.Redis, server: Running, namespace: str) -> Iterator[MakeUser]:
    """Makes the tenant's user with these rights; returns the URL."""

    def make(*rights: str) -> str:
        say(admin, "ACL", "SETUSER", namespace, "reset", "on", f">{PASSWORD}", *rights)
        return f"redis://{namespace}:{PASSWORD}@127.0.0.1:{server.port}/0"

    yield make
    say(admin, "ACL", "DELUSER", namespace)


def least(namespace: str, *, without: str = "") -> list[str]:
    names = [name for name in [*COMMANDS, *HELPFUL] if name != without]
    return ["-@all", f"~{namespace}:*", f"&{namespace}:*", *(f"+{name}" for name in names)]


def day_of_work(backend: RedisBackend, job: MakeJob) -> None:
    """Every call of a backend's, with every branch that has a command of its own."""
    backend.open()
    backend.declare([QueueSpec("mail"), QueueSpec("files")])
    jobs = [job(unique=Unique(f"order {at}", ttl=60)) for at in range(4)]
    jobs += [job(due=30.0), job(due=60.0), job("files", priority=9), *(job() for _ in range(4))]
    assert backend.enqueue(jobs) == [ACCEPTED] * 11
    assert backend.enqueue([one := job()]) == [ACCEPTED]
    shares = [QueueShare("mail"), QueueShare("files")]
    consumer = backend.consume(shares, lease=30, worker="worker-1")
    try:
        leases = consumer.fetch(7, 0)
        assert consumer.extend(leases, 60) == []
        first, second, third, fourth, fifth, *_ = leases
        consumer.settle(
            [
                Complete(lease=first),
                Complete(lease=second, outcome=b"done", keep=60, then=(job(), job(due=5))),
                Retry(lease=third, delay=60),
                Bury(lease=fourth, reason="why"),
                Release(lease=fifth),
            ]
        )
        answers = {each.answer for each in consumer.flush(5)}
        consumer.fetch(1, 0)  # tells why, if they were refused
        assert answers == {Answer.DONE}
        assert backend.cancel("mail", [one.id]) == [CancelResult.CANCELLED]
        look_around(backend)
        assert backend.get(fourth.queue, [fourth.id], wait=0.01) != [None]
        assert backend.revive(fourth.queue, None, edit={fourth.id: b"new"}) == 1
        backend.discard("mail", None)
        backend.maintain(1.0)
        leases = consumer.fetch(100, 0)
        consumer.fetch(1, 0.01)
        consumer.settle([Bury(lease=lease, reason="why") for lease in leases])
        consumer.flush(5)
    finally:
        consumer.close(release=True)
    backend.purge("mail", [State.READY, State.SCHEDULED])


def look_around(backend: RedisBackend) -> None:
    for state in (State.READY, State.SCHEDULED, State.LEASED, State.DEAD):
        page = backend.browse("mail", state, None, 1)
        if page.cursor is not None:
            backend.browse("mail", state, page.cursor, 10)
    assert backend.counts("mail").dead == 1
    backend.pause("mail")
    assert backend.paused() == {"mail"}
    backend.resume("mail")
    assert backend.queues() == {"mail", "files"}


def days_state(store: Store) -> None:
    """Every call of a store's."""
    store.open()
    [written] = store.put([Put("one", b"value", ttl=60)])
    store.put([Put("one", b"other", if_version=written.version)])
    assert store.get(["one"])[0] is not None
    assert store.delete([Delete("one")])[0].done
    [claim] = store.claim([ClaimRequest("leader", "me", 60)])
    assert store.unclaim([("leader", claim.fence)]) == [True]
    store.create_sets([("set", 3)])
    assert store.settle_members([Member("set", 0)])[0].changed
    assert store.increment([("counter", 2)]) == [2]
    with pytest.raises(InvalidOption, match="64 bits"):
        store.increment([("other", 1), ("counter", 2**63 - 1)])
    store.schedule([("due", "one", 0.0, b"value"), ("due", "two", 4e9, b"value")])
    assert store.settle_due(store.take_due("due", 10, 30)) == [True]
    assert store.unschedule([("due", "two")]) == [True]
    store.append([("series", b"value")], 60)
    assert len(store.series("series", None, 10)) == 1
    store.maintain(1.0)
    store.close()


def test_user_with_the_least_rights_does_a_days_work(
    user: MakeUser, namespace: str, job: MakeJob
) -> None:
    backend = RedisBackend(user(*least(namespace)), namespace=namespace)
    with contextlib.closing(backend):
        work_through(backend, job)


def test_refused_commands_leave_no_trace_in_the_servers_log_of_a_days_work(
    user: MakeUser, admin: redis.Redis, namespace: str, job: MakeJob
) -> None:
    backend = RedisBackend(user(*least(namespace)), namespace=namespace)
    with contextlib.closing(backend):
        work_through(backend, job)

    assert namespace not in repr(admin.acl_log())


def test_user_that_lacks_one_command_is_told_which(
    user: MakeUser, admin: redis.Redis, namespace: str, job: MakeJob
) -> None:
    untold: dict[str, str] = {}
    for command in COMMANDS:
        others = {f"+{other}" for other in COMMANDS if other != command} | {f"~{namespace}:*"}
        for key in admin.scan_iter(f"{namespace}:*", count=1000):
            admin.delete(key)
        admin.script_flush()
        backend = RedisBackend(user(*least(namespace, without=command)), namespace=namespace)
        told = refusal_of_a_day(backend, job)
        named = f"'{command}'" in told or f"+{command}" in told
        if not named or others & set(re.findall(r"[~+][^ )]+", told)):
            untold[command] = told
    assert untold == {}


def refusal_of_a_day(backend: RedisBackend, job: MakeJob) -> str:
    """The message of the error that ends a day of work before its time."""
    with contextlib.closing(backend):
        # Unavailable to a consumer that did work: what was taken away may come back.
        with pytest.raises((ConfigurationError, BackendUnavailable)) as refusal:
            work_through(backend, job)
        assert PASSWORD not in everything_told(refusal.value)
        return str(refusal.value)


def work_through(backend: RedisBackend, job: MakeJob) -> None:
    day_of_work(backend, job)
    days_state(backend.store())


def test_list_of_needed_commands_is_that_of_the_script_which_asks_for_them() -> None:
    text = (files("anyjob.backends.redis") / "lua" / "rights.lua").read_text("utf-8")
    asked = re.findall(r"\b[A-Z]+\b", text.partition("gmatch(")[2].partition("'%a+'")[0])

    assert sorted(map(str.lower, asked)) == sorted({*COMMANDS} - {"eval", "evalsha"})


def test_page_on_redis_gives_these_rights_and_no_other() -> None:
    page = (Path(__file__).parents[4] / "docs" / "how-to" / "redis.md").read_text("utf-8")
    [line] = re.findall(r"^user anyjob .*$", page, re.MULTILINE)

    assert {word for word in line.split() if word[0] in "~&+-@%"} == set(least("anyjob"))


def test_user_of_another_namespace_is_told_which_keys_it_may_not_use(
    user: MakeUser, namespace: str, job: MakeJob
) -> None:
    url = user(*least("another"))

    with contextlib.closing(RedisBackend(url, namespace=namespace)) as backend:
        backend.open()
        with pytest.raises(ConfigurationError, match=f"~{namespace}:\\*"):
            backend.enqueue([job()])
        with pytest.raises(ConfigurationError, match=f"~{namespace}:\\*"):
            backend.counts("mail")


def test_user_that_may_only_read_is_told_what_it_lacks(
    user: MakeUser, namespace: str, job: MakeJob
) -> None:
    rights = [word.replace("~", "%R~") for word in least(namespace)]

    with contextlib.closing(RedisBackend(user(*rights), namespace=namespace)) as backend:
        backend.open()
        with pytest.raises(ConfigurationError, match=f"lacks ~{namespace}:"):
            backend.pause("mail")
        with pytest.raises(ConfigurationError):
            backend.enqueue([job()])


def test_settlement_that_the_user_may_not_make_is_unknown_and_the_next_fetch_says_why(
    user: MakeUser, namespace: str, job: MakeJob
) -> None:
    url = user(*least(namespace, without="unlink"))
    with contextlib.closing(RedisBackend(url, namespace=namespace)) as backend:
        backend.open()
        backend.enqueue([job(), job()])
        consumer = backend.consume([QueueShare("mail")], lease=30, worker="worker-1")
        [lease] = consumer.fetch(1, 0)
        consumer.settle([Complete(lease=lease)])

        answers = [each.answer for each in consumer.flush(5)]
        with pytest.raises(BackendUnavailable, match=r"lacks \+unlink\)"):
            consumer.fetch(1, 0)

        assert answers == [Answer.UNKNOWN]
        assert len(consumer.fetch(1, 0)) == 1
        consumer.close(release=False)


def test_what_went_on_is_unavailable_while_a_right_is_away_and_else_a_mistake(
    user: MakeUser, namespace: str, job: MakeJob
) -> None:
    url = user(*least(namespace))
    with contextlib.closing(RedisBackend(url, namespace=namespace)) as backend:
        backend.open()
        backend.enqueue([job()])
        worked = backend.consume([QueueShare("mail")], lease=30, worker="worker-1")
        leases = worked.fetch(1, 0)
        user(*least(namespace, without="evalsha"))
        others = [
            backend.consume([QueueShare(queue)], lease=30, worker="worker-2")
            for queue in ("mail", "files")
        ]
        calls: list[Callable[[], object]] = [
            lambda: worked.fetch(1, 0),
            lambda: worked.extend(leases, 30),
            lambda: others[0].fetch(1, 0),
        ]
        for call in calls:
            with pytest.raises(BackendUnavailable, match="evalsha"):
                call()
        # Neither was ever let do this.
        calls = [lambda: backend.maintain(1.0), lambda: others[1].fetch(1, 0)]
        for call in calls:
            with pytest.raises(ConfigurationError, match="evalsha"):
                call()

        user(*least(namespace))
        assert worked.extend(leases, 30) == []
        backend.maintain(1.0)
        user(*least(namespace, without="smembers"))
        with pytest.raises(BackendUnavailable, match="smembers"):
            backend.maintain(1.0)
        for consumer in (worked, *others):
            consumer.close(release=False)


def test_another_database_needs_the_right_to_select_it(
    user: MakeUser, namespace: str, server: Running
) -> None:
    url = user(*least(namespace)).removesuffix("/0") + "/1"

    with pytest.raises(ConfigurationError, match="'select'") as refusal:
        RedisBackend(url, namespace=namespace).open()

    assert PASSWORD not in everything_told(refusal.value)
    user(*least(namespace), "+select")
    with contextlib.closing(RedisBackend(url, namespace=namespace)) as backend:
        backend.open()


def test_jobs_that_end_are_told_of_without_the_right_to_the_channel(
    user: MakeUser, namespace: str, job: MakeJob
) -> None:
    rights = [word for word in least(namespace) if word.removeprefix("+") not in HELPFUL]
    with contextlib.closing(RedisBackend(user(*rights), namespace=namespace)) as backend:
        backend.open()
        backend.enqueue([one := job()])
        cancelling = threading.Timer(0.1, backend.cancel, ["mail", [one.id]])
        cancelling.start()

        [record] = backend.get("mail", [one.id], wait=20)

        cancelling.join()
        assert record is not None
        assert record.state is State.CANCELLED
