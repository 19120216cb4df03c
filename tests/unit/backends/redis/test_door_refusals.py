"""What is refused to a loop that enqueues: to the calls that it concerns, and to no other."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import pytest
import redis

from anyjob.backends.redis import RedisBackend
from anyjob.backends.redis.doors import Doors
from anyjob.backends.redis.facts import MAX_PAYLOAD
from anyjob.conformance.servers.own_process import Running
from anyjob.core.envelope import ACCEPTED, Envelope, Receipt
from anyjob.core.errors import (
    BackendCorrupt,
    BackendFull,
    BackendUnavailable,
    ConfigurationError,
    EnqueueUncertain,
    InvalidOption,
    PayloadTooLarge,
)
from anyjob.core.state import State
from tests.unit.backends.redis.conftest import PASSWORD, MakeJob, Open, from_loop, raw, say
from tests.unit.backends.redis.loops import all_of, door_to, run


def test_wrong_job_is_refused_at_once_and_spoils_no_other(
    backend: RedisBackend, job: MakeJob
) -> None:
    async def main() -> list[Receipt]:
        good = from_loop(backend, [job()])
        with pytest.raises(PayloadTooLarge):
            from_loop(backend, [job(body=bytes(MAX_PAYLOAD + 1))])
        with pytest.raises(InvalidOption):
            from_loop(backend, [job(priority=10)])
        with pytest.raises(InvalidOption):
            from_loop(backend, [job(), Envelope("\ud800", "mail", b"")])
        return await good

    assert run(main()) == [ACCEPTED]
    assert backend.counts("mail").ready == 1


def test_full_server_refuses_each_and_takes_them_once_there_is_room(
    spare: Running, opened: Open, job: MakeJob
) -> None:
    backend = opened(spare.url)

    async def main(admin: redis.Redis) -> Any:
        admin.config_set("maxmemory", 1)
        refused = await all_of(*(from_loop(backend, [job()]) for _ in range(3)))
        admin.config_set("maxmemory", 0)
        return refused, await from_loop(backend, [job()])

    with closing(raw(spare)) as admin:
        refused, receipts = run(main(admin))

    assert [type(each) for each in refused] == [BackendFull] * 3
    assert receipts == [ACCEPTED]
    assert backend.counts("mail").ready == 1


def test_flushed_scripts_cost_nothing(
    backend: RedisBackend, admin: redis.Redis, job: MakeJob
) -> None:
    async def main() -> list[Receipt]:
        found = []
        for _ in range(3):
            admin.script_flush()
            found += await from_loop(backend, [job()])
            found += await from_loop(backend, [job(due=60)])
        return found

    assert run(main()) == [ACCEPTED] * 6


def test_refusal_that_passes_is_waited_for(job: MakeJob) -> None:
    refusals = iter([b"-LOADING it reads\r\n"] * 3)

    async def main(doors: Doors) -> list[Receipt]:
        return await doors.enqueue([job()])

    with door_to(lambda words: next(refusals, b"*1\r\n:1\r\n")) as doors:
        assert run(main(doors)) == [ACCEPTED]


def test_replica_is_left_for_whoever_is_the_primary(job: MakeJob) -> None:
    refusals = iter([b"-READONLY a replica\r\n"] * 2)

    async def main(doors: Doors) -> Any:
        [refusal] = await all_of(doors.enqueue([job()]))
        return refusal, await doors.enqueue([job()])

    with door_to(lambda words: next(refusals, b"*1\r\n:1\r\n")) as doors:
        refusal, receipts = run(main(doors))

    assert type(refusal) is BackendUnavailable
    assert "it is a replica" in str(refusal)
    assert receipts == [ACCEPTED]


@pytest.mark.parametrize("reply", [b"HTTP/1.1 400 Bad\r\n", b"*1\r\n:1\r\n*1\r\n:0\r\n"])
def test_connection_with_a_reply_that_nobody_asked_for_is_given_up(
    reply: bytes, job: MakeJob
) -> None:
    replies = iter([reply])

    async def main(doors: Doors) -> Any:
        await all_of(doors.enqueue([job()]))
        return await doors.enqueue([job()])

    with door_to(lambda words: next(replies, b"*1\r\n:1\r\n")) as doors:
        assert run(main(doors)) == [ACCEPTED]


def test_missing_right_is_named(spare: Running, opened: Open, job: MakeJob) -> None:
    with closing(raw(spare)) as admin:
        say(admin, "ACL", "SETUSER", "few", "on", ">few", "~*", "&*", "+@all")
        backend = opened(spare.url.replace(f":{PASSWORD}@", "few:few@"))

        async def main() -> Any:
            await from_loop(backend, [job()])
            say(admin, "ACL", "SETUSER", "few", "-rpush")
            return await all_of(from_loop(backend, [job()]))

        [refusal] = run(main())

    assert type(refusal) is ConfigurationError
    assert "+rpush" in str(refusal)


def test_key_of_another_type_refuses_the_calls_that_need_it_alone(
    backend: RedisBackend, admin: redis.Redis, namespace: str, job: MakeJob
) -> None:
    jobs = [job(), job(priority=3), job("files"), job(), job(priority=3), job("post")]
    lots = [*([each] for each in jobs), [job(), job(priority=3)]]
    for key in ("{mail}:r3", "{post}:jobs"):
        admin.set(f"{namespace}:{key}", "somebody else's")

    async def main() -> Any:
        await from_loop(backend, [job("other")])
        return await all_of(*(from_loop(backend, lot) for lot in lots))

    told = run(main())

    assert [each if isinstance(each, list) else type(each) for each in told] == [
        [ACCEPTED],
        BackendCorrupt,
        [ACCEPTED],
        [ACCEPTED],
        BackendCorrupt,
        BackendCorrupt,
        BackendCorrupt,
    ]
    admin.delete(f"{namespace}:{{mail}}:r3", f"{namespace}:{{post}}:jobs")
    found = backend.browse("mail", State.READY, None, 10).records
    assert [each.id for each in found] == [jobs[0].id, jobs[3].id]
    assert (backend.counts("files").ready, backend.counts("post").ready) == (1, 0)


def test_missing_right_to_a_queue_is_told_to_the_calls_that_need_it_alone(
    spare: Running, opened: Open, namespace: str, job: MakeJob
) -> None:
    with closing(raw(spare)) as admin:
        keys = [f"~{namespace}:{{mail}}:*", f"~{namespace}:queues", f"~{namespace}:epoch"]
        say(admin, "ACL", "SETUSER", "few", "on", ">few", *keys, "&*", "+@all")
    backend = opened(spare.url.replace(f":{PASSWORD}@", "few:few@"))

    async def main() -> Any:
        lots = [[job()], [job("files")], [job()], [job("post")]]
        return await all_of(*(from_loop(backend, lot) for lot in lots))

    first, refused, last, other = run(main())

    assert [first, last] == [[ACCEPTED]] * 2
    assert type(refused) is type(other) is ConfigurationError
    assert f"~{namespace}:*" in str(refused)


def test_full_server_is_asked_once_for_a_lot(spare: Running, opened: Open, job: MakeJob) -> None:
    backend = opened(spare.url)

    async def main(admin: redis.Redis) -> int:
        await from_loop(backend, [job()])
        admin.config_set("maxmemory", 1)
        before = refusals(admin)
        await all_of(*(from_loop(backend, [job()]) for _ in range(50)))
        admin.config_set("maxmemory", 0)
        return refusals(admin) - before

    with closing(raw(spare)) as admin:
        assert run(main(admin)) <= 2


def refusals(admin: redis.Redis) -> int:
    """How many errors the server answered with."""
    return int(admin.info("stats")["total_error_replies"])


def test_jobs_that_reach_no_replica_are_uncertain_each_to_its_caller(
    server: Running, opened: Open, job: MakeJob
) -> None:
    backend = opened(f"{server.url}?wait_replicas=1")
    jobs = [job(), job()]

    async def main() -> Any:
        return await all_of(*(from_loop(backend, [each]) for each in jobs))

    refusals = run(main())

    assert [type(each) for each in refusals] == [EnqueueUncertain] * 2
    assert [each.envelopes for each in refusals] == [(jobs[0],), (jobs[1],)]
    assert backend.counts("mail").ready == 2
