"""A Cluster's user with the rights that the documentation lists, and with fewer."""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from anyjob.backends import Accepted, Complete, ConfigurationError, Envelope, QueueShare
from anyjob.backends.redis import RedisBackend
from anyjob.core.settlement import Answer
from tests.conformance.redis.cluster import Cluster, cluster, number_of, say, slot_of
from tests.conformance.redis.harness import PAGE
from tests.unit.backends.redis.loops import all_of, run

_LINE = re.search(r"^user anyjob on >\S+ (~\S+ &\S+ -@all .+)$", PAGE.read_text(), re.MULTILINE)
assert _LINE is not None
RIGHTS = _LINE[1].split()


def test_page_names_what_a_cluster_takes_besides() -> None:
    assert "needs `+cluster|slots` and `+asking` beside" in PAGE.read_text()


@contextmanager
def moving(running: Cluster, line: str) -> Iterator[None]:
    """A slot is on the move while the block lasts, from the first node to the second."""
    here, there = running.primaries[:2]
    ids = [say(node, "CLUSTER", "MYID").decode() for node in (here, there)]
    say(there, "CLUSTER", "SETSLOT", slot_of(line), "IMPORTING", ids[0])
    say(here, "CLUSTER", "SETSLOT", slot_of(line), "MIGRATING", ids[1])
    yield
    for node in (there, *(each for each in running.primaries if each is not there)):
        say(node, "CLUSTER", "SETSLOT", slot_of(line), "NODE", ids[1])


def user_of(running: Cluster, *more: str) -> RedisBackend:
    for node in running.primaries:
        say(node, "ACL", "SETUSER", "few", "reset", "on", ">pw", *RIGHTS, *more)
    backend = RedisBackend(running.url.replace(":hidden-word@", "few:pw@"))
    backend.open()
    return backend


def job(queue: str) -> Envelope:
    return Envelope(id=str(uuid4()), queue=queue, body=b"body")


def test_user_without_the_right_to_ask_is_told_so_while_a_slot_is_on_the_move(
    tmp_path: Path,
) -> None:
    with cluster(tmp_path) as three:
        backend = user_of(three, "+cluster|slots")
        line = three.queue_on(0)
        stays = next(name for name in map("stays{}".format, range(99)) if number_of(name) == 0)

        async def main() -> Any:
            return await all_of(*(backend.aenqueue([job(name)]) for name in (line, stays)))

        with moving(three, line):
            began = time.monotonic()
            with pytest.raises(ConfigurationError, match="'asking' command"):
                backend.enqueue([job(line)])
            refused, good = run(main())
            assert time.monotonic() - began < 4.0

        assert type(refused) is ConfigurationError
        assert good == [Accepted()]
        assert backend.enqueue([job(line)]) == [Accepted()]
        backend.close()


def test_user_with_the_documented_rights_works_before_while_and_after_a_slot_moves(
    tmp_path: Path,
) -> None:
    with cluster(tmp_path) as three:
        backend = user_of(three, "+cluster|slots", "+asking")
        lines = [three.queue_on(number) for number in range(3)]
        consumer = backend.consume([QueueShare(line) for line in lines], lease=30, worker="w")
        work(backend, consumer, lines)

        answers: list[Any] = []
        with moving(three, lines[0]):
            late = [job(lines[0]) for _ in range(3)]
            enqueuing = threading.Thread(target=lambda: answers.append(backend.enqueue(late)))
            enqueuing.start()
            time.sleep(0.3)
            assert backend.enqueue([job(lines[1])]) == [Accepted()]
        enqueuing.join(20.0)

        assert answers == [[Accepted()] * 3]
        work(backend, consumer, lines, waiting=4)
        for node in three.primaries:
            assert say(node, "ACL", "LOG") == []
        consumer.close(release=True)
        backend.close()


def work(backend: RedisBackend, consumer: Any, lines: list[str], waiting: int = 0) -> None:
    """Enqueue on each node, from a thread and from a loop, fetch, extend, settle and maintain."""

    async def main() -> Any:
        return await asyncio.gather(*(backend.aenqueue([job(line)]) for line in lines))

    assert backend.enqueue([job(line) for line in lines]) == [Accepted()] * 3
    assert run(main()) == [[Accepted()]] * 3
    leases: list[Any] = []
    deadline = time.monotonic() + 20
    while len(leases) < 6 + waiting:
        assert time.monotonic() < deadline
        leases += consumer.fetch(20, 1.0)
    assert consumer.extend(leases, 60.0) == []
    consumer.settle([Complete(lease=lease, outcome=b"done", keep=60.0) for lease in leases])
    assert {each.answer for each in consumer.flush(5.0)} == {Answer.DONE}
    [record] = backend.get(leases[0].queue, [leases[0].id], wait=1.0)
    assert record is not None
    backend.maintain(1.0)
    assert backend.queues() <= {*lines}
