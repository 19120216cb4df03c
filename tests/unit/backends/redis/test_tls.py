"""TLS: who signed, for which host, and what happens where one end speaks it alone."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from anyjob.backends.redis import RedisBackend
from anyjob.backends.redis.dial import dial
from anyjob.backends.redis.url import parse_url
from anyjob.conformance.servers.own_process import Running
from anyjob.core.backend import QueueShare
from anyjob.core.envelope import ACCEPTED, Receipt
from anyjob.core.errors import AnyjobError, BackendUnavailable, ConfigurationError
from anyjob.core.settlement import Answer, Complete
from tests.unit.backends.authority import Authority
from tests.unit.backends.redis.conftest import (
    PASSWORD,
    MakeJob,
    Open,
    everything_told,
    free_port,
    from_loop,
    serving,
)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def client(authority: Authority) -> tuple[Path, Path]:
    return authority.sign("client", "DNS:client")


@pytest.fixture(scope="module")
def ports(authority: Authority) -> Iterator[tuple[Running, int]]:
    """A server with a plain port and one for TLS, whose certificate is for 127.0.0.1 alone."""
    certificate, key = authority.sign("server", "IP:127.0.0.1")
    port = free_port()
    options = [
        *("--tls-port", str(port), "--tls-auth-clients", "optional"),
        *("--tls-cert-file", str(certificate), "--tls-key-file", str(key)),
        *("--tls-ca-cert-file", str(authority.ca)),
    ]
    with serving(*options) as running:
        yield running, port


@pytest.fixture
def url(ports: tuple[Running, int], authority: Authority) -> str:
    return f"rediss://:{PASSWORD}@127.0.0.1:{ports[1]}/0?ca={authority.ca}"


def refusal_of(url: str) -> AnyjobError:
    began = time.monotonic()
    with pytest.raises(AnyjobError) as refusal:
        RedisBackend(url).open()
    assert time.monotonic() - began < 6
    assert PASSWORD not in everything_told(refusal.value)
    return refusal.value


def test_jobs_go_through_tls(
    url: str, ports: tuple[Running, int], opened: Open, job: MakeJob
) -> None:
    backend, plain = opened(url), opened(ports[0].url)
    consumer = backend.consume([QueueShare("mail")], lease=30, worker="worker-1")
    assert backend.enqueue([job(body=bytes(1_000_000)), job()]) == [ACCEPTED] * 2
    consumer.settle([Complete(lease=lease) for lease in consumer.fetch(1, 0)])
    assert [each.answer for each in consumer.flush(5)] == [Answer.DONE]

    assert len(consumer.fetch(10, 5)) == 1
    assert consumer.fetch(1, 0.01) == []
    assert plain.counts("mail").leased == 1
    consumer.close(release=True)
    assert repr(backend) == f"RedisBackend('rediss://127.0.0.1:{ports[1]}/0')"


def test_jobs_of_a_loop_go_through_tls(url: str, opened: Open, job: MakeJob) -> None:
    backend = opened(url)
    large = job(body=bytes(8_000_000))

    async def main() -> list[list[Receipt]]:
        lots = [[job()], [large], *([job()] for _ in range(50))]
        return await asyncio.gather(*(from_loop(backend, lot) for lot in lots))

    assert asyncio.run(main()) == [[ACCEPTED]] * 52
    [found] = backend.get("mail", [large.id])
    assert found is not None
    assert found.body == large.body


def test_client_shows_its_own_certificate(
    url: str, opened: Open, client: tuple[Path, Path]
) -> None:
    certificate, key = client

    opened(f"{url}&cert={certificate}&key={key}")


def test_certificate_that_nobody_known_signed_is_refused(ports: tuple[Running, int]) -> None:
    error = refusal_of(f"rediss://:{PASSWORD}@127.0.0.1:{ports[1]}/0")

    assert type(error) is ConfigurationError
    assert "?ca=" in str(error)


def test_certificate_for_another_host_is_refused(url: str) -> None:
    error = refusal_of(url.replace("127.0.0.1", "localhost"))

    assert type(error) is ConfigurationError
    assert "localhost" in str(error)


@pytest.mark.parametrize("option", ["ca", "cert"])
@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
def test_file_that_holds_no_certificate_is_refused(
    url: str, tmp_path: Path, client: tuple[Path, Path], option: str, content: bytes | None
) -> None:
    path = tmp_path / "some.pem"
    if content is not None:
        path.write_bytes(content)
    bare = url.partition("?")[0]
    query = f"ca={path}" if option == "ca" else f"cert={path}&key={client[1]}"

    error = refusal_of(f"{bare}?{query}")

    assert type(error) is ConfigurationError
    assert "certificate" in str(error)


def test_tls_to_a_plain_port_is_told(ports: tuple[Running, int], authority: Authority) -> None:
    url = f"rediss://:{PASSWORD}@127.0.0.1:{ports[0].port}/0?ca={authority.ca}"

    # It waits for the end of a line, and so does who connects; the usual patience is 5 s.
    with pytest.raises(BackendUnavailable, match="no TLS, write redis://") as refusal:
        dial(parse_url(url), 0.3)

    assert PASSWORD not in everything_told(refusal.value)


def test_tls_to_a_server_that_answers_otherwise_is_told(authority: Authority) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        answering = threading.Thread(target=answer_once, args=[listening])
        answering.start()
        error = refusal_of(f"rediss://127.0.0.1:{listening.getsockname()[1]}/0?ca={authority.ca}")
        answering.join()

    assert type(error) is BackendUnavailable
    assert "no TLS, write redis://" in str(error)


def answer_once(listening: socket.socket) -> None:
    with closing(listening.accept()[0]) as connection:
        connection.recv(1000)
        connection.sendall(b"-ERR unknown command\r\n")


@pytest.mark.parametrize("user", ["", f":{PASSWORD}@"])
def test_plain_to_a_port_for_tls_is_told(ports: tuple[Running, int], user: str) -> None:
    error = refusal_of(f"redis://{user}127.0.0.1:{ports[1]}/0")

    assert type(error) is BackendUnavailable
    assert "rediss://" in str(error)


def test_connection_for_tls_is_found_idle_and_used_again(
    url: str, ports: tuple[Running, int], namespace: str
) -> None:
    with closing(RedisBackend(url, namespace=namespace)) as backend:
        backend.open()
        wires = backend._link._wires  # noqa: SLF001 - no other door tells of connections
        before = set(wires)
        [wire] = before
        for _ in range(3):
            assert wire.is_idle()
            backend.queues()

        assert wires == before
