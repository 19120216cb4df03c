"""A broker that says no: by TLS, by rights, by what is there already, by size. Each is told as what
it is, within the deadline, and without a secret.
"""

from __future__ import annotations

import socket
import time
import traceback
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from pika.adapters.blocking_connection import BlockingChannel

from anyjob.backends.rabbitmq import RabbitBackend
from anyjob.conformance.servers.own_process import Running
from anyjob.core.backend import QueueSpec
from anyjob.core.envelope import ACCEPTED, Rejected
from anyjob.core.errors import (
    AnyjobError,
    BackendUnavailable,
    ConfigurationError,
    EnqueueUncertain,
    PayloadTooLarge,
)
from anyjob.core.settlement import Answer, Complete
from tests.conformance.rabbitmq.server import PASSWORD, USER, Rights, configured, definitions
from tests.unit.backends.authority import Authority
from tests.unit.backends.rabbitmq.conftest import Open, consuming, job, settled
from tests.waiting import until

#: Seconds that a call may take, and what a busy machine adds.
SOON = 5.0 + 5.0
MOST = 100_000
USERS = {
    "plain": Rights("^$", ".*", ".*"),
    "reader": Rights("^$", "^$", ".*"),
    "stranger": Rights("^$", "^$", "^$"),
}


class Strict(NamedTuple):
    """A broker with a port for TLS, whose certificate is for 127.0.0.1 alone, that takes messages
    of so many bytes, and knows the users.
    """

    running: Running
    port: int
    authority: Authority

    @property
    def url(self) -> str:
        return (
            f"amqps://{USER}:{PASSWORD}@127.0.0.1:{self.port}?ca={self.authority.folder / 'ca.pem'}"
        )

    def url_of(self, user: str) -> str:
        return self.running.url.replace(USER, user, 1)


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Strict]:
    authority = Authority(tmp_path_factory.mktemp("authority"))
    certificate, key = authority.sign("server", "IP:127.0.0.1")
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        port = probe.getsockname()[1]
    users = authority.folder / "users.json"
    users.write_text(definitions(USERS))
    running = configured(
        f"load_definitions = {users}\n"
        f"listeners.ssl.default = 127.0.0.1:{port}\n"
        f"ssl_options.cacertfile = {authority.folder / 'ca.pem'}\n"
        f"ssl_options.certfile = {certificate}\n"
        f"ssl_options.keyfile = {key}\n"
        "ssl_options.verify = verify_peer\n"
        "ssl_options.fail_if_no_peer_cert = false\n"
        f"max_message_size = {MOST}\n"
    )
    yield Strict(running, port, authority)
    running.stop()


def refusal_of(url: str) -> AnyjobError:
    """What opening it raises, in time, and without the password."""
    began = time.monotonic()
    with pytest.raises(AnyjobError) as refusal:
        RabbitBackend(url).open()
    assert time.monotonic() - began < SOON
    assert PASSWORD not in "".join(traceback.format_exception(refusal.value))
    return refusal.value


# TLS


def test_jobs_go_through_tls(strict: Strict, opened: Open) -> None:
    certificate, key = strict.authority.sign("client", "DNS:client")
    backend = opened(f"{strict.url}&cert={certificate}&key={key}")
    backend.declare([QueueSpec("line")])
    consumer = consuming(backend)

    assert backend.enqueue([job(), job(body=bytes(MOST))]) == [ACCEPTED] * 2
    leases = [*consumer.fetch(1, 5.0), *consumer.fetch(1, 5.0)]
    answers = settled(consumer, *(Complete(lease=lease) for lease in leases))

    assert answers == [Answer.DONE] * 2
    assert repr(backend) == f"RabbitBackend('amqps://127.0.0.1:{strict.port}/')"
    consumer.close(release=True)


def test_certificate_that_nobody_known_signed_is_refused(strict: Strict) -> None:
    error = refusal_of(strict.url.partition("?")[0])

    assert type(error) is ConfigurationError
    assert "?ca=" in str(error)


def test_certificate_of_another_authority_is_refused(strict: Strict, tmp_path: Path) -> None:
    other = Authority(tmp_path)

    error = refusal_of(f"{strict.url.partition('?')[0]}?ca={other.ca}")

    assert type(error) is ConfigurationError
    assert "?ca=" in str(error)


def test_certificate_for_another_host_is_refused(strict: Strict) -> None:
    error = refusal_of(strict.url.replace("127.0.0.1", "localhost"))

    assert type(error) is ConfigurationError
    assert "localhost" in str(error)


def test_client_whose_certificate_another_authority_signed_is_refused(
    strict: Strict, tmp_path: Path
) -> None:
    certificate, key = Authority(tmp_path).sign("client", "DNS:client")

    error = refusal_of(f"{strict.url}&cert={certificate}&key={key}")

    assert isinstance(error, BackendUnavailable | ConfigurationError)
    assert "cert" in str(error)


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
def test_file_that_holds_no_certificate_is_refused(
    strict: Strict, tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "some.pem"
    if content is not None:
        path.write_bytes(content)

    error = refusal_of(f"{strict.url.partition('?')[0]}?ca={path}")

    assert type(error) is ConfigurationError
    assert "certificates" in str(error)


def test_tls_to_a_plain_port_is_told(strict: Strict) -> None:
    error = refusal_of(strict.url.replace(str(strict.port), str(strict.running.port)))

    assert type(error) is BackendUnavailable
    assert "write amqp://" in str(error)


def test_plain_to_a_port_for_tls_is_told(strict: Strict) -> None:
    error = refusal_of(f"amqp://{USER}:{PASSWORD}@127.0.0.1:{strict.port}")

    assert type(error) is BackendUnavailable
    assert "write amqps://" in str(error)


# What answers, and how


def test_port_on_which_something_else_answers_is_told() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        error = refusal_of(f"amqp://u:{PASSWORD}@127.0.0.1:{silent.getsockname()[1]}")

    assert type(error) is BackendUnavailable
    assert "did not answer in time" in str(error)


def test_all_hosts_are_tried_within_one_deadline() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        port = silent.getsockname()[1]
        hosts = ",".join([f"127.0.0.1:{port}"] * 4)
        error = refusal_of(f"amqp://u:{PASSWORD}@{hosts}")

    assert type(error) is BackendUnavailable


def test_host_that_nobody_knows_is_told() -> None:
    error = refusal_of(f"amqp://u:{PASSWORD}@nowhere.invalid")

    assert type(error) is BackendUnavailable
    assert "nowhere.invalid" in str(error)


def test_name_is_looked_up_for_each_connection(
    server: Running, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F19: it leads to the broker, to nobody, and to the broker again."""
    look_up, address = socket.getaddrinfo, ["127.0.0.1"]

    def lead(host: str, *rest: Any, **named: Any) -> Any:
        return look_up(address[0] if host == "moving.test" else host, *rest, **named)

    monkeypatch.setattr(socket, "getaddrinfo", lead)
    backend = opened(server.url.replace("127.0.0.1", "moving.test"))
    backend.declare([QueueSpec("line")])

    # The broker listens on one address of the loopback alone.
    address[0] = "127.0.0.9"
    backend.sever()
    with pytest.raises(BackendUnavailable):
        backend.counts("line")
    address[0] = "127.0.0.1"
    until(lambda: _accepts(backend))


def _accepts(backend: RabbitBackend) -> bool:
    try:
        return backend.enqueue([job()]) == [ACCEPTED]
    except BackendUnavailable:
        return False


# Rights


def test_user_without_configure_works_on_what_others_declared(strict: Strict, opened: Open) -> None:
    admin = opened(strict.running.url)
    admin.declare([QueueSpec("line")])

    backend = opened(strict.url_of("plain"))
    backend.declare([QueueSpec("line")])
    consumer = consuming(backend)
    backend.enqueue([job(), job(due=0.3)])
    leases = [*consumer.fetch(1, 5.0), *consumer.fetch(1, 5.0)]

    answers = settled(consumer, *(Complete(lease=lease) for lease in leases))
    assert answers == [Answer.DONE] * 2
    consumer.close(release=True)


def test_user_without_configure_is_refused_where_something_is_missing(
    strict: Strict, opened: Open
) -> None:
    opened(strict.running.url).declare([QueueSpec("line")])
    backend = opened(strict.url_of("plain"))

    with pytest.raises(ConfigurationError, match="does not let this user do what is needed") as no:
        backend.declare([QueueSpec("line"), QueueSpec("another")])

    assert "rights of docs/how-to/rabbitmq.md" in str(no.value)


def test_user_who_may_not_write_is_refused_by_name(strict: Strict, opened: Open) -> None:
    opened(strict.running.url).declare([QueueSpec("line")])
    backend = opened(strict.url_of("reader"))
    began = time.monotonic()

    with pytest.raises(ConfigurationError, match="does not let this user") as refusal:
        backend.enqueue([job()])

    assert time.monotonic() - began < SOON
    assert PASSWORD not in str(refusal.value)


def test_user_who_may_not_read_cannot_work(strict: Strict, opened: Open) -> None:
    opened(strict.running.url).declare([QueueSpec("line")])
    backend = opened(strict.url_of("stranger"))

    with pytest.raises(ConfigurationError, match="does not let this user"):
        consuming(backend).fetch(1, 1.0)


# What is there already


def test_queue_with_other_settings_is_refused_by_name(opened: Open, admin: BlockingChannel) -> None:
    backend = opened()
    name = backend.names.bands("line")[0]
    admin.queue_declare(name, durable=True, arguments={"x-queue-type": "quorum"})

    with pytest.raises(ConfigurationError, match="with other settings") as refusal:
        backend.declare([QueueSpec("line")])

    assert name in str(refusal.value)
    admin.queue_delete(name)


# Size


def test_job_that_is_larger_than_the_broker_takes_is_refused_and_no_other(
    strict: Strict, opened: Open
) -> None:
    backend = opened(strict.running.url)
    backend.declare([QueueSpec("line")])
    large, small = job(body=bytes(MOST + 1)), job()

    with pytest.raises(PayloadTooLarge, match="max_message_size"):
        backend.enqueue([large])
    first, second = backend.enqueue([large, small])

    assert isinstance(first, Rejected)
    assert f"no message of {MOST + 1} bytes" in first.why
    assert second == ACCEPTED
    until(lambda: backend.counts("line").ready == 1)


def test_first_large_job_among_others_leaves_them_in_doubt_and_not_lost(
    strict: Strict, opened: Open
) -> None:
    backend = opened(strict.running.url)
    backend.declare([QueueSpec("line")])
    jobs = [job(), job(body=bytes(MOST + 1)), job()]

    with pytest.raises(EnqueueUncertain):
        backend.enqueue(jobs)

    receipts = backend.enqueue(jobs)
    assert [receipt == ACCEPTED for receipt in receipts] == [True, False, True]
