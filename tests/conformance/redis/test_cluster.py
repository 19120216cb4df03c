"""Queues on the nodes of a Cluster: found, moved, lost with a node, full on one of them."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from anyjob import App, JobCancelled
from anyjob.backends import (
    Accepted,
    BackendError,
    BackendUnavailable,
    Complete,
    ConfigurationError,
    Consumer,
    Duplicate,
    EnqueueUncertain,
    Envelope,
    QueueShare,
    Settled,
)
from anyjob.backends.redis import RedisBackend, RedisStore
from anyjob.backends.redis.watch import RedisWatch
from anyjob.core.settlement import Answer
from tests.conformance.redis.cluster import (
    Cluster,
    client,
    cluster,
    free_port,
    number_of,
    say,
    url_of,
)
from tests.conformance.redis.harness import RedisHarness
from tests.unit.backends.authority import Authority
from tests.waiting import until

#: A failover, as these nodes do it, with what a loaded machine adds.
PATIENCE = 60.0
#: A waiting fetch looks by itself after so many seconds.
LOOK = 5.0


@pytest.fixture(scope="module")
def three() -> Iterator[Cluster]:
    """One that no test of this module stops or changes for good."""
    with cluster(RedisHarness.root) as running:
        yield running


@pytest.fixture
def lines(three: Cluster) -> list[str]:
    """A queue on each node."""
    return [three.queue_on(number) for number in range(len(three.primaries))]


@pytest.fixture
def backend(three: Cluster) -> Iterator[RedisBackend]:
    backend = RedisBackend(three.url, namespace=f"t{uuid4().hex[:12]}")
    backend.open()
    yield backend
    backend.close()


@pytest.fixture
def consumer(backend: RedisBackend, lines: list[str]) -> Iterator[Consumer]:
    consumer = consuming(backend, lines, lease=30.0)
    yield consumer
    consumer.close(release=True)


def consuming(backend: RedisBackend, lines: Sequence[str], lease: float = 3.0) -> Consumer:
    return backend.consume([QueueShare(line) for line in lines], lease=lease, worker="w")


def job(queue: str) -> Envelope:
    return Envelope(id=str(uuid4()), queue=queue, body=b"body")


def test_batch_reaches_every_node_and_one_consumer_drains_them(
    backend: RedisBackend, consumer: Consumer, lines: list[str]
) -> None:
    jobs = [job(line) for line in lines for _ in range(4)]

    assert backend.enqueue(jobs) == [Accepted()] * 12
    assert backend.enqueue(jobs[::-1]) == [Duplicate(each.id) for each in jobs[::-1]]
    leases = consumer.fetch(100, 1.0)

    assert {lease.id for lease in leases} == {each.id for each in jobs}
    assert settled(consumer, leases) == [Answer.DONE] * 12
    assert backend.queues() == set()
    assert consumer.fetch(100, 0.0) == []


def test_credit_is_never_exceeded_and_divided_among_the_nodes(
    backend: RedisBackend, consumer: Consumer, lines: list[str]
) -> None:
    backend.enqueue([job(line) for line in lines for _ in range(10)])

    leases = consumer.fetch(6, 1.0)

    assert sorted(lease.queue for lease in leases) == sorted(lines * 2)
    assert [backend.counts(line).leased for line in lines] == [2, 2, 2]


def test_waiting_consumer_hears_of_a_job_on_any_node(
    backend: RedisBackend, consumer: Consumer, lines: list[str]
) -> None:
    for line in lines:
        assert consumer.fetch(1, 0.0) == []
        one = job(line)
        threading.Timer(0.1, backend.enqueue, [[one]]).start()

        began = time.monotonic()
        [lease] = consumer.fetch(1, 20.0)

        # Sooner than it would have looked by itself.
        assert time.monotonic() - began < 0.5 * LOOK
        assert lease.id == one.id
        settled(consumer, [lease])


def test_waiting_consumer_is_woken(consumer: Consumer) -> None:
    consumer.fetch(1, 0.0)
    threading.Timer(0.2, consumer.wake).start()

    assert consumer.fetch(1, 60.0) == []
    # No answer was left behind.
    assert consumer.fetch(1, 0.0) == []


def test_children_on_other_nodes_are_there_when_their_parent_is_done(
    backend: RedisBackend, consumer: Consumer, lines: list[str]
) -> None:
    backend.enqueue([job(lines[0])])
    [lease] = consumer.fetch(1, 1.0)
    children = tuple(job(line) for line in lines)

    consumer.settle([Complete(lease=lease, then=children)])
    assert [each.answer for each in consumer.flush(5.0)] == [Answer.DONE]

    found = consumer.fetch(10, 1.0)
    assert {each.id for each in found} == {child.id for child in children}


def test_child_that_is_refused_leaves_its_parent_unsettled(
    three: Cluster, backend: RedisBackend, consumer: Consumer, lines: list[str]
) -> None:
    backend.enqueue([job(lines[0])])
    [lease] = consumer.fetch(1, 1.0)
    child = job(lines[1])
    # A key of somebody else's where the child's body would be.
    with client(three.node_of(lines[1]).port) as asked:
        key = backend._link.keys.jobs(lines[1])  # noqa: SLF001 - no other door names keys
        asked.set(key, b"")

        consumer.settle([Complete(lease=lease, then=(child,))])
        assert [each.answer for each in consumer.flush(5.0)] == [Answer.UNKNOWN]
        assert backend.counts(lines[0]).leased == 1
        asked.delete(key)

    with pytest.raises(BackendError, match="holds a key of another type"):
        consumer.fetch(1, 0.0)
    consumer.settle([Complete(lease=lease, then=(child,))])
    assert [each.answer for each in consumer.flush(5.0)] == [Answer.DONE]
    assert [each.id for each in consumer.fetch(10, 1.0)] == [child.id]


def test_batch_of_which_a_full_node_takes_no_part_is_uncertain_and_stored_once(
    three: Cluster, backend: RedisBackend, lines: list[str]
) -> None:
    jobs = [job(line) for line in lines]
    with client(three.node_of(lines[1]).port) as asked:
        asked.config_set("maxmemory", 1)
        try:
            with pytest.raises(EnqueueUncertain, match="a part of the jobs is stored") as raised:
                backend.enqueue(jobs)
        finally:
            asked.config_set("maxmemory", 0)

    assert list(raised.value.envelopes) == jobs
    assert backend.enqueue(jobs) == [Duplicate(jobs[0].id), Accepted(), Duplicate(jobs[2].id)]


def test_those_who_wait_for_results_hear_from_every_node(
    backend: RedisBackend, consumer: Consumer, lines: list[str]
) -> None:
    jobs = [job(line) for line in lines]
    backend.enqueue(jobs)
    leases = consumer.fetch(10, 1.0)
    found: dict[str, float] = {}

    def wait(one: Envelope) -> None:
        [record] = backend.get(one.queue, [one.id], wait=30.0)
        assert record is not None
        assert record.state.is_terminal
        found[one.id] = time.monotonic()

    waiting = [threading.Thread(target=wait, args=[one]) for one in jobs]
    for thread in waiting:
        thread.start()
    time.sleep(0.5)
    settled(consumer, leases, keep=60.0)
    for thread in waiting:
        thread.join(20.0)

    assert set(found) == {one.id for one in jobs}


def test_coroutines_that_wait_hear_from_every_node_and_ask_none(
    three: Cluster, lines: list[str]
) -> None:
    def looks() -> int:
        found = 0
        for node in three.primaries:
            with client(node.port) as asked:
                found += asked.info("commandstats").get("cmdstat_evalsha", {"calls": 0})["calls"]
        return found

    with App(three.url, namespace=f"t{uuid4().hex[:12]}", queues=lines) as jobs:

        @jobs.task
        def work() -> None: ...

        made = [work.using(queue=line).enqueue() for line in lines for _ in range(30)]

        async def main() -> None:
            began = looks()
            waits = [asyncio.ensure_future(each.aresult()) for each in made]
            await asyncio.sleep(3.0)
            # Of each queue: a look, a word that somebody listens, a look once it is heard of, and
            # one more if this took 5 s.
            assert looks() - began <= 4 * len(lines)
            for each in made:
                each.cancel()
            ends = await asyncio.gather(*waits, return_exceptions=True)
            assert {type(end) for end in ends} == {JobCancelled}

        asyncio.run(main())


def test_watch_follows_a_queue_to_the_node_that_its_slot_moves_to(tmp_path: Path) -> None:
    with cluster(tmp_path) as moving:
        line = moving.queue_on(0)
        backend = RedisBackend(moving.url)
        backend.open()
        backend.enqueue([one := job(line)])
        watch = backend.watch()
        watch.add(line, [one.id])
        heard_of(backend, watch, one)

        moving.move(line, moving.primaries[1])
        assert watch.wait(4.0) == {line: {one.id}}
        heard_of(backend, watch, one)

        backend.cancel(line, [one.id])
        assert watch.wait(4.0) == {line: {one.id}}
        watch.close()
        backend.close()


def heard_of(backend: RedisBackend, watch: RedisWatch, one: Envelope) -> None:
    """Wait as whoever waits for results does, until the job's end would be told."""
    deadline = time.monotonic() + PATIENCE
    while not watch.stands(one.queue) or watch.wait(0.6):
        assert time.monotonic() < deadline
        watch.wait(0.1)
        backend.get(one.queue, [one.id])


def test_store_lives_in_one_slot(three: Cluster, backend: RedisBackend) -> None:
    alone = RedisStore(three.url, namespace="alone")
    for store in (backend.store(), alone):
        store.open()
        assert store.increment([("one", 2), ("two", 3)]) == [2, 3]
        store.close()


def test_jobs_of_a_slot_that_moves_are_neither_lost_nor_doubled(tmp_path: Path) -> None:
    with cluster(tmp_path) as moving:
        line, other = moving.queue_on(0), moving.queue_on(1)
        backend = RedisBackend(moving.url)
        backend.open()
        consumer = consuming(backend, [line, other])
        jobs = [job(line) for _ in range(50)]
        backend.enqueue(jobs)
        taken = consumer.fetch(10, 1.0)

        mover = threading.Thread(target=moving.move, args=[line, moving.primaries[2]])
        mover.start()
        later = [job(line) for _ in range(20)]
        for each in later:
            assert enqueued(backend, each)
        mover.join()

        assert settled(consumer, taken) == [Answer.DONE] * 10
        wanted = {each.id for each in [*jobs, *later]} - {lease.id for lease in taken}
        assert drained(consumer, wanted) == sorted(wanted)
        assert say(moving.primaries[0], "DBSIZE") <= 2  # the list of queues, and the epoch
        consumer.close(release=True)
        backend.close()


@pytest.mark.parametrize("strike", ["kill", "freeze"])
def test_replica_takes_over_what_reached_it_and_the_change_is_told(
    strike: str, tmp_path: Path
) -> None:
    told: list[tuple[str, Mapping[str, Any]]] = []
    with cluster(tmp_path, replicas=True) as six:
        lines = [six.queue_on(number) for number in range(3)]
        backend = RedisBackend(f"{six.url}?wait_replicas=1")
        backend.subscribe(lambda name, facts: told.append((name, facts)))
        backend.open()
        consumer = consuming(backend, lines)
        jobs = [job(line) for line in lines for _ in range(10)]
        assert backend.enqueue(jobs) == [Accepted()] * 30
        held = consumer.fetch(6, 5.0)

        getattr(six.primaries[1], strike)()

        # What was held on that node comes back when its leases have run out.
        assert drained(consumer, {each.id for each in jobs}) == sorted(each.id for each in jobs)
        assert held
        assert told == [
            (
                "backend.failover",
                {
                    "from": f"127.0.0.1:{six.primaries[1].port}",
                    "to": f"127.0.0.1:{six.replicas[1].port}",
                },
            )
        ]
        consumer.close(release=True)
        backend.close()


def test_node_that_was_replaced_leaves_no_connection_and_nobody_who_listens_to_it(
    tmp_path: Path,
) -> None:
    with cluster(tmp_path, replicas=True) as six:
        lines = [six.queue_on(number) for number in range(3)]
        backend = RedisBackend(six.url)
        backend.open()
        link: Any = backend._link  # noqa: SLF001 - no other door tells of connections
        listening: Any = backend._endings._of  # noqa: SLF001
        for line in lines:
            backend.enqueue([one := job(line)])
            backend.get(line, [one.id], wait=0.01)
        lost = link.node(("127.0.0.1", six.primaries[1].port))
        assert lost in listening

        six.primaries[1].kill()
        later = job(lines[1])
        assert enqueued(backend, later)
        backend.get(lines[1], [later.id], wait=0.01)

        assert lost.is_retired
        until(lambda: not lost.is_used)
        assert lost not in listening
        assert len(listening) == 3
        assert {node.location.port for node in link._nodes.values()} == {  # noqa: SLF001
            node.port for node in (six.primaries[0], six.replicas[1], six.primaries[2])
        }
        backend.close()


def test_node_that_gave_its_slots_away_is_no_failover(tmp_path: Path) -> None:
    told: list[str] = []
    with cluster(tmp_path) as three:
        # Nothing of the namespace is on the first.
        backend = RedisBackend(three.url, namespace=namespace_listed_on(1, epoch_on=2))
        backend.subscribe(lambda name, facts: told.append(name))
        backend.open()

        three.give_away(0, 1)

        assert enqueued(backend, job(three.queue_on(0)))
        # It has become a replica of the one that has its slots.
        until(lambda: say(three.primaries[0], "INFO", "replication")["role"] == "slave")
        backend.maintain(1.0)
        assert told == []
        backend.close()


def test_replica_that_came_later_is_known_before_it_takes_over(tmp_path: Path) -> None:
    told: list[str] = []
    with cluster(tmp_path, replicas=True) as six:
        six.leave(six.replicas[1])
        backend = RedisBackend(six.url)
        backend.subscribe(lambda name, facts: told.append(name))
        backend.open()
        backend.maintain(1.0)
        six.join(six.replicas[1], six.primaries[1])
        until(lambda: enqueued(backend, job(six.queue_on(1))) and six.is_told_of(six.replicas[1]))

        # As if the map were as old as it becomes between two looks.
        backend._link._read_at -= 60.0  # type: ignore[attr-defined]  # noqa: SLF001
        backend.maintain(1.0)
        six.primaries[1].kill()

        assert enqueued(backend, job(six.queue_on(1)))
        assert told == ["backend.failover"]
        backend.close()


def test_node_that_is_away_takes_nothing_from_the_leases_on_the_others(tmp_path: Path) -> None:
    with cluster(tmp_path) as lame:
        for node in lame.primaries:
            say(node, "CONFIG", "SET", "cluster-require-full-coverage", "no")
        lines = [lame.queue_on(number) for number in range(3)]
        backend = RedisBackend(lame.url)
        backend.open()
        consumer = consuming(backend, lines)
        backend.enqueue([job(line) for line in lines])
        leases = consumer.fetch(3, 1.0)
        assert len(leases) == 3
        ends = time.monotonic() + 3.0

        lame.primaries[1].kill()
        while time.monotonic() < ends:
            with pytest.raises(BackendUnavailable):
                consumer.extend(leases, 10.0)

        # Past the end of the first leases: those on the two nodes were renewed.
        assert [backend.counts(lines[number]).leased for number in (0, 2)] == [1, 1]
        with pytest.raises(BackendUnavailable):
            backend.enqueue([job(lines[1])])
        # Who begins now works with what is there.
        late = RedisBackend(lame.url)
        late.open()
        assert late.enqueue([job(lines[0])]) == [Accepted()]
        late.close()
        consumer.close(release=False)
        backend.close()


def test_queue_of_a_node_that_is_away_is_unavailable_also_the_first_time(tmp_path: Path) -> None:
    with cluster(tmp_path) as lame:
        for node in lame.primaries:
            say(node, "CONFIG", "SET", "cluster-require-full-coverage", "no")
        backend = RedisBackend(lame.url, namespace=namespace_listed_on(0))
        backend.open()
        lame.primaries[1].kill()
        # A connection that was used a moment ago is taken to be open.
        time.sleep(0.1)

        with pytest.raises(BackendUnavailable):
            backend.enqueue([job(lame.queue_on(1))])

        backend.close()


def namespace_listed_on(number: int, *, epoch_on: int | None = None) -> str:
    """A namespace whose list of queues is on such a primary, and its epoch on such a one."""
    return next(
        name
        for name in (f"n{at}" for at in range(1000))
        if number_of(f"{name}:queues") == number and epoch_on in (None, number_of(f"{name}:epoch"))
    )


def test_cluster_url_of_a_server_that_stands_alone_is_refused_by_name(tmp_path: Path) -> None:
    alone = RedisHarness.server.start(lambda at: bool(say(at, "PING")), tmp_path)
    try:
        for kind in (RedisBackend, RedisStore):
            with pytest.raises(ConfigurationError, match="is no node of a Cluster; write redis://"):
                kind(url_of([alone.port])).open()
    finally:
        alone.stop()


def test_node_that_is_named_as_if_it_stood_alone_is_refused_by_name(three: Cluster) -> None:
    url = f"redis://:hidden-word@127.0.0.1:{three.primaries[0].port}/0"
    for kind in (RedisBackend, RedisStore):
        with pytest.raises(ConfigurationError, match=r"write redis\+cluster://host:port"):
            kind(url).open()


def test_nodes_that_are_not_there_are_passed_over(three: Cluster) -> None:
    backend = RedisBackend(url_of([1, three.primaries[0].port]))

    backend.open()

    backend.close()
    with pytest.raises(BackendUnavailable, match="cannot be reached"):
        RedisBackend(url_of([1, 2])).open()


def test_nodes_speak_tls(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certificate, key = authority.sign("node", "IP:127.0.0.1")
    ports: list[int] = []

    def options() -> list[str]:
        ports.append(free_port())
        return [
            *("--tls-port", str(ports[-1]), "--tls-cluster", "yes", "--tls-auth-clients", "no"),
            *("--tls-cert-file", str(certificate), "--tls-key-file", str(key)),
            *("--tls-ca-cert-file", str(authority.ca)),
        ]

    with cluster(tmp_path, options=options) as safe:
        lines = [safe.queue_on(number) for number in range(3)]
        url = url_of(ports[:1]).replace("redis+", "rediss+")
        backend = RedisBackend(f"{url}?ca={authority.ca}")
        backend.open()
        jobs = [job(line) for line in lines]
        assert backend.enqueue(jobs) == [Accepted()] * 3
        consumer = consuming(backend, lines)
        assert {lease.id for lease in consumer.fetch(3, 5.0)} == {each.id for each in jobs}
        consumer.close(release=True)
        backend.close()
        with pytest.raises(ConfigurationError, match="shows a certificate that proves nothing"):
            RedisBackend(url).open()


def test_wrong_password_is_told_without_it(three: Cluster) -> None:
    url = three.url.replace("hidden-word", "wrong-word")

    with pytest.raises(ConfigurationError, match="refuses the user or the password") as raised:
        RedisBackend(url).open()

    assert "wrong-word" not in str(raised.value)
    assert "wrong-word" not in repr(RedisBackend(url))


def test_user_who_may_not_read_the_map_of_slots_is_told_which_right_is_missing(
    three: Cluster,
) -> None:
    for node in three.primaries:
        say(node, "ACL", "SETUSER", "poor", "on", ">pw", "~*", "&*", "+@all", "-cluster")
    url = three.url.replace(":hidden-word@", "poor:pw@")

    with pytest.raises(ConfigurationError, match=r"\+cluster\|slots"):
        RedisBackend(url).open()


def settled(consumer: Consumer, leases: Sequence[Any], keep: float = 0.0) -> list[Answer]:
    consumer.settle([Complete(lease=lease, keep=keep) for lease in leases])
    told: list[Settled] = consumer.flush(10.0)
    return [each.answer for each in told]


def drained(consumer: Consumer, wanted: set[str]) -> list[str]:
    """Complete jobs until all of these are done, as a worker does that tries again; which were
    done, as often as they were.
    """
    done: list[str] = []
    deadline = time.monotonic() + PATIENCE
    while not wanted <= set(done):
        assert time.monotonic() < deadline, f"{len(wanted - set(done))} jobs never came"
        leases = tried(lambda: consumer.fetch(10, 0.5)) or []
        consumer.settle([Complete(lease=lease) for lease in leases])
        done += [
            each.settlement.lease.id for each in consumer.flush(5.0) if each.answer is Answer.DONE
        ]
    return sorted(done)


def enqueued(backend: RedisBackend, one: Envelope) -> bool:
    """Enqueue, as often as it takes."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if tried(lambda: backend.enqueue([one])):
            return True
    return False


def tried(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except BackendError:
        time.sleep(0.05)
        return None
