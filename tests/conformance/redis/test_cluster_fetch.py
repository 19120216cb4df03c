"""Fetching from several nodes of which one breaks between its word that it has jobs and the taking
of them.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from anyjob.backends import BackendUnavailable, Complete, Consumer, Envelope, QueueShare
from anyjob.backends.redis import RedisBackend
from anyjob.conformance.wire.proxy import Cut, Proxy
from anyjob.core.settlement import Answer
from anyjob.core.state import State
from tests.conformance.redis.cluster import Cluster, cluster, say, url_of, wired

#: Far more than a fetch may take, and far less than a lease.
SOON, LEASE = 8.0, 60.0


class Site:
    """A Cluster behind wires, and a consumer of a queue on each node."""

    def __init__(self, running: Cluster, wires: list[Proxy], lease: float) -> None:
        self.wires = wires
        self.lines = [running.queue_on(number) for number in range(len(wires))]
        self.backend = RedisBackend(url_of([wire.port for wire in wires]))
        self.backend.open()
        self.consumer: Consumer = self.backend.consume(
            [QueueShare(line) for line in self.lines], lease=lease, worker="w"
        )
        # From here on, each fetch that finds something is two requests to each node.
        self.consumer.fetch(1, 0.0)

    def enqueue(self) -> list[Envelope]:
        jobs = [Envelope(id=str(uuid4()), queue=line, body=b"body") for line in self.lines]
        self.backend.enqueue(jobs)
        return jobs


@contextmanager
def site(folder: Path, kind: type[Proxy] = Proxy, lease: float = LEASE) -> Iterator[Site]:
    with cluster(folder) as running:
        for node in running.primaries:
            say(node, "CONFIG", "SET", "cluster-require-full-coverage", "no")
        with wired(running, kind) as wires:
            made = Site(running, wires, lease)
            yield made
            made.consumer.close(release=False)
            made.backend.close()


@pytest.mark.parametrize("number", [0, 1, 2])
def test_leases_from_the_other_nodes_are_handed_out(number: int, tmp_path: Path) -> None:
    with site(tmp_path) as at:
        jobs = at.enqueue()
        others = {job.id for job in jobs if job.queue != at.lines[number]}
        wire = at.wires[number]
        wire.cut = Cut(len(wire.requests) + 2, "before", for_good=False)
        began = time.monotonic()

        leases = at.consumer.fetch(9, 0.0)

        assert wire.was_cut
        assert {lease.id for lease in leases} == others
        # What was never asked for is there for the next.
        [last] = at.consumer.fetch(9, 0.0)
        assert time.monotonic() - began < SOON
        assert {last.id} | others == {job.id for job in jobs}
        at.consumer.settle([Complete(lease=lease) for lease in [*leases, last]])
        assert [each.answer for each in at.consumer.flush(5.0)] == [Answer.DONE] * 3


def test_node_that_stays_away_is_told_of_by_the_next_fetch(tmp_path: Path) -> None:
    with site(tmp_path) as at:
        at.enqueue()
        wire = at.wires[1]
        wire.cut = Cut(len(wire.requests) + 2, "before")

        assert {lease.queue for lease in at.consumer.fetch(9, 0.0)} == {at.lines[0], at.lines[2]}
        with pytest.raises(BackendUnavailable):
            at.consumer.fetch(9, 0.0)


def test_node_that_breaks_where_there_is_nothing_else_is_told_of_at_once(tmp_path: Path) -> None:
    with site(tmp_path) as at:
        [_, one, _] = at.enqueue()
        others = [line for line in at.lines if line != one.queue]
        for line in others:
            at.backend.purge(line, [State.READY])
        wire = at.wires[1]
        wire.cut = Cut(len(wire.requests) + 2, "before", for_good=False)

        with pytest.raises(BackendUnavailable, match="ended the connection"):
            at.consumer.fetch(9, 0.0)

        assert [lease.id for lease in at.consumer.fetch(9, 0.0)] == [one.id]


class Silencing(Proxy):
    """Says nothing any more behind a request of such a number."""

    last = 0

    def begun(self, first: bytes) -> int:
        number = super().begun(first)
        self.is_silent = self.is_silent or number == self.last
        return number


@pytest.mark.parametrize("number", [0, 2])
def test_node_that_falls_silent_holds_up_no_lease_of_the_others(
    number: int, tmp_path: Path
) -> None:
    with site(tmp_path, Silencing, lease=3.0) as at:
        at.enqueue()
        wire = at.wires[number]
        assert isinstance(wire, Silencing)
        wire.last = len(wire.requests) + 2
        began = time.monotonic()

        leases = at.consumer.fetch(9, 0.0)

        assert {lease.queue for lease in leases} == {*at.lines} - {at.lines[number]}
        # In time to be extended, and to be done.
        assert time.monotonic() - began < 2.0
        at.consumer.settle([Complete(lease=lease) for lease in leases])
        assert [each.answer for each in at.consumer.flush(5.0)] == [Answer.DONE] * 2
        wire.heal()
