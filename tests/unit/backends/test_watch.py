"""What the watch of a backend of ours tells of the jobs that are waited for."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from anyjob.backends import (
    Backend,
    Bury,
    Complete,
    End,
    Envelope,
    QueueShare,
    Retry,
    Settlement,
    State,
    Watch,
)
from anyjob.backends.memory import MemoryBackend
from anyjob.backends.redis import RedisBackend
from anyjob.backends.sqlite import SQLiteBackend
from tests.unit.backends.redis.conftest import serving
from tests.waiting import PATIENCE, until

Then = Callable[[Backend, str], object]
Make = Callable[[], Backend]


@pytest.fixture(scope="module")
def redis_url() -> Iterator[str]:
    with serving() as running:
        yield running.url


@pytest.fixture(params=["memory", "sqlite", "redis"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Make]:
    """Opens backends of the same jobs."""
    space = f"s{uuid.uuid4().hex}"
    with ExitStack() as stack:

        def opened() -> Backend:
            backend: Backend
            match request.param:
                case "memory":
                    backend = MemoryBackend(f"memory://{space}")
                case "sqlite":
                    backend = SQLiteBackend(f"sqlite:///{tmp_path / 'jobs.db'}")
                case _:
                    url = request.getfixturevalue("redis_url")
                    backend = RedisBackend(url, namespace=space)
            backend.open()
            stack.callback(backend.close)
            return backend

        yield opened


@pytest.fixture
def backend(make: Make) -> Backend:
    return make()


@pytest.fixture
def watch(backend: Backend) -> Iterator[Watch]:
    watch = backend.watch()
    assert watch is not None
    yield watch
    watch.close()


def stored(backend: Backend, queue: str = "mail", count: int = 1) -> list[str]:
    ids = [str(uuid.uuid4()) for _ in range(count)]
    backend.enqueue([Envelope(id=id, queue=queue, body=b"body") for id in ids])
    return ids


def settled(backend: Backend, queue: str, make: Callable[..., Settlement]) -> None:
    """Lease one job of a queue and settle it."""
    consumer = backend.consume([QueueShare(queue)], lease=30, worker="w")
    consumer.settle([make(lease=lease) for lease in consumer.fetch(1, PATIENCE)])
    consumer.flush(PATIENCE)
    consumer.close(release=False)


def named(watch: Watch, queue: str, id: str, seconds: float = PATIENCE) -> bool:
    """Whether a job is named within so long."""
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        if id in watch.wait(left).get(queue, ()):
            return True
    return False


def quiet(watch: Watch) -> None:
    """Let pass what is named without a reason, as all are when a channel comes to stand."""
    until(lambda: not watch.wait(0.2))


ENDS: dict[str, Then] = {
    "completed": lambda backend, _: settled(backend, "mail", Complete),
    "buried": lambda backend, _: settled(
        backend, "mail", lambda lease: Bury(lease=lease, reason="failed")
    ),
    "expired": lambda backend, _: settled(
        backend, "mail", lambda lease: End(lease=lease, state="expired")
    ),
    "cancelled": lambda backend, id: backend.cancel("mail", [id]),
    "purged": lambda backend, _: backend.purge("mail", [State.READY]),
}


@pytest.mark.parametrize("end", ENDS.values(), ids=list(ENDS))
def test_end_is_told_wherever_it_happens(
    make: Make, backend: Backend, watch: Watch, end: Then
) -> None:
    [id] = stored(backend)
    watch.add("mail", [id])
    quiet(watch)
    elsewhere = make()

    ending = threading.Thread(target=end, args=(elsewhere, id))
    ending.start()

    # Sooner than any look that is taken for the sake of a word that got lost.
    assert named(watch, "mail", id, 4.0)
    ending.join()


def test_end_between_the_beginning_and_the_first_wait_is_told(
    backend: Backend, watch: Watch
) -> None:
    [id] = stored(backend)
    watch.add("mail", [id])

    backend.cancel("mail", [id])

    assert named(watch, "mail", id, 4.0)


def test_jobs_of_several_queues_come_and_go_while_it_waits(backend: Backend, watch: Watch) -> None:
    [mail] = stored(backend, "mail")
    watch.add("mail", [mail])
    [sums] = stored(backend, "sums")
    watch.add("sums", [sums])
    watch.add("sums", [sums])
    quiet(watch)

    backend.cancel("sums", [sums])
    assert named(watch, "sums", sums, 4.0)
    watch.remove("sums", [sums])
    backend.cancel("mail", [mail])
    assert named(watch, "mail", mail, 4.0)


def test_what_is_watched_no_longer_is_not_named(backend: Backend, watch: Watch) -> None:
    gone, stays = stored(backend, count=2)
    watch.add("mail", [gone, stays])
    quiet(watch)

    backend.cancel("mail", [gone])
    watch.remove("mail", [gone])
    watch.remove("mail", [gone, "0199-never-watched"])
    watch.remove("elsewhere", [gone])
    backend.cancel("mail", [stays])

    told: Collection[str] = ()
    while stays not in told:
        told = watch.wait(PATIENCE).get("mail", ())
        assert gone not in told
    watch.remove("mail", [stays])
    assert watch.wait(0.01) == {}


def test_wait_ends_when_it_is_woken_before_or_meanwhile(backend: Backend, watch: Watch) -> None:
    watch.add("mail", stored(backend))
    quiet(watch)
    began = time.monotonic()

    watch.wake()
    watch.wait(PATIENCE)
    waker = threading.Timer(0.05, watch.wake)
    waker.start()
    watch.wait(PATIENCE)
    waker.join()

    assert time.monotonic() - began < PATIENCE / 2


def test_waking_loses_no_end(backend: Backend, watch: Watch) -> None:
    [id] = stored(backend)
    watch.add("mail", [id])
    quiet(watch)

    stop = threading.Event()

    def keep_waking() -> None:
        while not stop.wait(0.0005):
            watch.wake()

    waking = threading.Thread(target=keep_waking)
    waking.start()
    backend.cancel("mail", [id])

    try:
        assert named(watch, "mail", id, 4.0)
    finally:
        stop.set()
        waking.join()


def test_job_that_goes_on_is_not_named_for_ever(backend: Backend, watch: Watch) -> None:
    [id] = stored(backend)
    watch.add("mail", [id])

    settled(backend, "mail", lambda lease: Retry(lease=lease, delay=3600.0))

    quiet(watch)


def test_closed_watch_names_nothing(backend: Backend, watch: Watch) -> None:
    [id] = stored(backend)
    watch.add("mail", [id])
    quiet(watch)

    watch.close()
    watch.close()
    backend.cancel("mail", [id])

    assert watch.wait(0.05) == {}
