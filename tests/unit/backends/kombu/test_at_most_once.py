"""What at most once promises: each job once or never, whoever dies; and what else holds."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from anyjob.backends import (
    Abandon,
    Answer,
    Backend,
    Bury,
    Complete,
    Consumer,
    Envelope,
    Lease,
    QueueShare,
    QueueSpec,
    Release,
    Retry,
    Settlement,
    State,
)
from anyjob.backends.kombu import KombuBackend


@pytest.fixture(params=["memory", "filesystem"])
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Backend]:
    where = tmp_path if request.param == "filesystem" else ""
    backend = KombuBackend(
        f"kombu+{request.param}://{where}?delivery=at_most_once", namespace=f"n{uuid4().hex}"
    )
    backend.open()
    backend.declare([QueueSpec("line")])
    yield backend
    backend.close()


def put(backend: Backend, *, priority: int = 5, body: bytes = b"\x00\xff") -> str:
    job = Envelope(id=str(uuid4()), queue="line", body=body, priority=priority)
    backend.enqueue([job])
    return job.id


def consumer(backend: Backend) -> Consumer:
    return backend.consume([QueueShare("line")], lease=0.2, worker="w")


def one(held: Consumer) -> Lease:
    [lease] = held.fetch(1, 0.0)
    return lease


def settle(held: Consumer, *settlements: Settlement) -> list[Answer]:
    held.settle(settlements)
    return [each.answer for each in held.flush(5.0)]


def test_it_is_declared(backend: Backend) -> None:
    assert backend.capabilities.lease == "none"
    assert "kombu-at-most-once" in {each.id for each in backend.weaknesses()}


def test_job_is_gone_when_it_is_handed_out(backend: Backend) -> None:
    put(backend)
    first = consumer(backend)
    one(first)

    first.close(release=False)

    assert backend.counts("line").ready == 0
    assert consumer(backend).fetch(1, 0.3) == []


def test_no_time_takes_it_away_from_its_worker(backend: Backend) -> None:
    put(backend)
    held = consumer(backend)
    lease = one(held)
    assert held.fetch(1, 0.4) == []

    assert held.extend([lease], 0.2) == []
    assert settle(held, Complete(lease=lease), Complete(lease=lease)) == [
        Answer.DONE,
        Answer.LEASE_LOST,
    ]


def test_bodies_and_priorities_come_back(backend: Backend) -> None:
    bodies = [b"", b"\x00", bytes(range(256)), "é".encode(), b"x" * 70_000]
    for body in bodies:
        put(backend, body=body)
    top = put(backend, priority=9)

    leases = consumer(backend).fetch(10, 0.0)

    assert leases[0].id == top
    assert sorted(each.body for each in leases[1:]) == sorted(bodies)


def test_retry_release_and_abandon_put_it_back(backend: Backend) -> None:
    job = put(backend)
    held = consumer(backend)

    settle(held, Retry(lease=one(held), note=b"failed"))
    lease = one(held)
    assert (lease.id, lease.attempt, lease.redeliveries, lease.note) == (job, 2, 0, b"failed")
    settle(held, Release(lease=lease))
    lease = one(held)
    assert (lease.attempt, lease.redeliveries) == (2, 0)
    settle(held, Abandon(lease=lease))
    lease = one(held)
    assert (lease.attempt, lease.redeliveries) == (2, 1)


def test_close_gives_back_what_was_not_settled(backend: Backend) -> None:
    job = put(backend)
    held = consumer(backend)
    one(held)

    held.close(release=True)

    lease = one(consumer(backend))
    assert (lease.id, lease.attempt, lease.redeliveries) == (job, 1, 0)


def test_dead_letters_are_listed_revived_and_discarded(backend: Backend) -> None:
    held = consumer(backend)
    dead = [put(backend), put(backend)]
    settle(held, *(Bury(lease=one(held), reason="broken", note=b"why") for _ in dead))

    page = backend.browse("line", State.DEAD, None, 10)
    assert {(each.id, each.reason, each.attempts) for each in page.records} == {
        (each, "broken", 1) for each in dead
    }
    [record] = backend.get("line", [dead[0]])
    assert record is not None
    assert record.note == b"why"
    assert backend.revive("line", [dead[0]], edit={dead[0]: b"mended"}) == 1
    assert backend.discard("line", None) == 1

    lease = one(held)
    assert (lease.id, lease.body, lease.attempt) == (dead[0], b"mended", 1)
    assert backend.counts("line").dead == 0


def test_queues_of_a_namespace_are_its_own(backend: Backend) -> None:
    assert backend.queues() == {"line"}
