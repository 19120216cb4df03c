"""A service that is gone, stands still or answers badly: errors in time, and then all goes on."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from anyjob.backends.sqs import SQSBackend
from anyjob.core.backend import QueueSpec
from anyjob.core.envelope import ACCEPTED
from anyjob.core.errors import BackendError, BackendUnavailable, EnqueueUncertain, Misuse
from anyjob.core.settlement import Answer, Complete
from tests.conformance.sqs.harness import SECRET
from tests.conformance.sqs.proxy import KEY
from tests.conformance.sqs.service import Service, own
from tests.unit.backends.sqs.conftest import (
    QUEUE,
    Open,
    assert_no_secret,
    consuming,
    drained,
    everything_told,
    job,
    settled,
)

#: The longest that a call may take, with what a busy machine adds.
DEADLINE = 5.0 + 3.0


@pytest.fixture
def mortal() -> Iterator[Service]:
    """A service of the test's own."""
    with own() as service:
        yield service


def opened(service: Service) -> SQSBackend:
    backend = SQSBackend(service.url, clock=service.clock)
    backend.open()
    backend.declare([QueueSpec(QUEUE)])
    return backend


@contextmanager
def answering(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that answers every connection so; yields a URL that leads there."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = door.getsockname()[1]

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = door.accept()
                    threading.Thread(target=handle, args=[connection], daemon=True).start()

        def handle(connection: socket.socket) -> None:
            with suppress(OSError), connection:
                connection.recv(65536)
                answer(connection)

        threading.Thread(target=serve, daemon=True).start()
        yield f"sqs://{KEY}:{SECRET}@us-east-1?endpoint=http://127.0.0.1:{port}"
        door.close()


def test_same_objects_go_on_after_the_service_was_gone(mortal: Service) -> None:
    backend = opened(mortal)
    consumer = consuming(backend)
    backend.enqueue([job() for _ in range(5)])
    leases = drained(consumer, 2)

    mortal.running.kill()
    for call in (
        lambda: backend.enqueue([job()]),
        lambda: consumer.fetch(1, 0.0),
        lambda: consumer.extend(leases, 60.0),
        lambda: backend.counts(QUEUE),
        backend.queues,
        lambda: backend.maintain(1.0),
    ):
        with pytest.raises(BackendError) as error:
            call()
        assert error.value.retryable
        assert_no_secret([everything_told(error.value)])
    assert settled(consumer, Complete(lease=leases[0])) == [Answer.UNKNOWN]
    mortal.running.run()

    assert settled(consumer, *(Complete(lease=lease) for lease in leases)) == [Answer.DONE] * 2
    assert backend.enqueue([job()]) == [ACCEPTED]
    assert len(drained(consumer, 4)) == 4
    consumer.close(release=True)
    backend.close()


def test_calls_to_a_service_that_stands_still_end_in_time(mortal: Service) -> None:
    backend = opened(mortal)
    consumer = consuming(backend)
    backend.enqueue([job() for _ in range(3)])
    leases = drained(consumer, 2)

    mortal.running.freeze()
    try:
        for call in (
            lambda: backend.enqueue([job()]),
            lambda: consumer.fetch(1, 0.0),
            lambda: consumer.extend(leases, 60.0),
            lambda: backend.counts(QUEUE),
        ):
            began = time.monotonic()
            with pytest.raises(BackendError):
                call()
            assert time.monotonic() - began < DEADLINE
        began = time.monotonic()
        consumer.settle([Complete(lease=leases[0])])
        assert [each.answer for each in consumer.flush(0.5)] == [Answer.UNKNOWN]
        assert time.monotonic() - began < 3.0
    finally:
        mortal.running.thaw()

    assert len(drained(consumer, 1)) == 1
    consumer.close(release=True)
    backend.close()


def test_closing_ends_calls_that_wait_and_leaves_no_thread(mortal: Service) -> None:
    before = {thread.ident for thread in threading.enumerate()}
    backend = opened(mortal)
    consumer = consuming(backend)
    ended: list[BaseException | None] = []

    def wait() -> None:
        try:
            consumer.fetch(1, 20.0)
            ended.append(None)
        except Misuse as error:
            ended.append(error)

    waiting = threading.Thread(target=wait)
    waiting.start()
    time.sleep(0.5)
    began = time.monotonic()

    backend.close()
    waiting.join(5.0)

    assert time.monotonic() - began < 3.0
    assert isinstance(ended[0], Misuse)
    left = [t.name for t in threading.enumerate() if t.ident not in before and t.is_alive()]
    assert not [name for name in left if "sqs" in name]


def test_answer_that_comes_byte_by_byte_ends_at_the_deadline() -> None:
    def drip(connection: socket.socket) -> None:
        for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b" " * 1000:
            connection.sendall(bytes([byte]))
            time.sleep(0.2)

    with answering(drip) as url:
        backend = SQSBackend(url)
        began = time.monotonic()
        with pytest.raises(BackendUnavailable, match="did not answer in time"):
            backend.open()

        assert time.monotonic() - began < DEADLINE


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"garbage\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
        b"HTTP/1.1 500 -\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 302 -\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
    ],
)
def test_answer_that_makes_no_sense_is_an_error_of_ours(answer: bytes) -> None:
    with (
        answering(lambda connection: connection.sendall(answer)) as url,
        pytest.raises(BackendError) as error,
    ):
        SQSBackend(url).open()

    assert_no_secret([everything_told(error.value)])


def test_nobody_at_the_endpoint_is_unavailable(open_backend: Open) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(BackendUnavailable, match="cannot be reached"):
            open_backend(f"sqs://{KEY}:{SECRET}@us-east-1?endpoint=http://127.0.0.1:{port}")


def test_endpoint_without_tls_is_told(service: Service, open_backend: Open) -> None:
    with pytest.raises(BackendUnavailable, match="speaks no TLS"):
        open_backend(service.url.replace("http://", "https://"))


def test_forked_child_is_refused(backend: SQSBackend) -> None:
    import os

    child = os.fork()
    if not child:
        try:
            backend.counts(QUEUE)
        except Misuse:
            os._exit(0)
        os._exit(1)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert backend.counts(QUEUE).ready == 0


def test_enqueues_of_an_outage_leave_what_they_say(mortal: Service) -> None:
    backend = opened(mortal)
    accepted: list[str] = []
    doubtful: list[str] = []
    stop = threading.Event()

    def enqueue() -> None:
        while not stop.is_set():
            one = job()
            try:
                backend.enqueue([one])
                accepted.append(one.id)
            except EnqueueUncertain:
                doubtful.append(one.id)
            except BackendUnavailable:
                time.sleep(0.01)

    threads = [threading.Thread(target=enqueue) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(3):
        time.sleep(0.5)
        mortal.running.restart()
    stop.set()
    for thread in threads:
        thread.join()

    consumer = consuming(backend)
    found = [lease.id for lease in drained(consumer, len(accepted))]
    while more := consumer.fetch(100, 0.5):
        found += [lease.id for lease in more]
    assert set(accepted) <= set(found) <= {*accepted, *doubtful}
    assert len(found) == len(set(found))
    assert len(accepted) > 20
    consumer.close(release=False)
    backend.close()
