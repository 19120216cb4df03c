"""A marker says that a queue may have something; who takes it tells the others what is left."""

import time
from collections.abc import Iterator

import pytest

from anyjob.backends.redis import RedisBackend
from anyjob.core.backend import Consumer, QueueShare
from tests.unit.backends.redis.conftest import MakeJob

#: A fetch that nobody wakes looks by itself after so long.
LOOK = 5.0


@pytest.fixture
def both(backend: RedisBackend) -> Iterator[Consumer]:
    consumer = backend.consume([QueueShare("mail"), QueueShare("post")], lease=30, worker="one")
    yield consumer
    consumer.close(release=False)


def test_marker_of_a_queue_that_was_left_for_another_is_put_back(
    backend: RedisBackend, both: Consumer, consumer: Consumer, job: MakeJob
) -> None:
    backend.enqueue([job("mail"), job("post")])
    assert [lease.queue for lease in both.fetch(1, 0.0)] == ["mail"]
    # It is the turn of the other queue, whose job somebody else takes.
    other = backend.consume([QueueShare("post")], lease=30, worker="two")
    assert len(other.fetch(1, 0.0)) == 1
    other.close(release=False)
    # From here on, both consumers wait for a marker before they look.
    assert both.fetch(1, 0.0) == []
    assert consumer.fetch(1, 0.0) == []
    backend.enqueue([job("mail"), job("post")])

    assert [lease.queue for lease in both.fetch(1, 1.0)] == ["post"]

    began = time.monotonic()
    assert [lease.queue for lease in consumer.fetch(1, 20.0)] == ["mail"]
    assert time.monotonic() - began < 0.5 * LOOK
