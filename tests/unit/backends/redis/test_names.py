"""The name of a server: looked up anew for each connection."""

import contextlib
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from anyjob.conformance.servers.own_process import Running
from anyjob.core.envelope import ACCEPTED
from anyjob.core.errors import BackendUnavailable
from tests.unit.backends.authority import Authority
from tests.unit.backends.redis.conftest import (
    PASSWORD,
    MakeJob,
    Open,
    StartServer,
    free_port,
    raw,
)

NAME = "jobs.example"
#: Addresses of one machine.
FIRST, SECOND, THIRD = "127.0.0.1", "127.0.0.2", "127.0.0.3"
CALL = 6.0


class Names:
    """What the resolver says of `NAME`: its addresses, or nothing."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.addresses = [FIRST]
        self._resolve = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", self)

    def __call__(self, host: Any, *args: Any, **options: Any) -> Any:
        if host != NAME:
            return self._resolve(host, *args, **options)
        if not self.addresses:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return [found for at in self.addresses for found in self._resolve(at, *args, **options)]


@contextlib.contextmanager
def silent(host: str, port: int) -> Iterator[None]:
    """An address that answers nobody who connects, as that of a machine that is off."""
    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(socket.socket())
        listening.bind((host, port))
        listening.listen(0)
        for _ in range(3):  # more than it takes while nobody accepts
            other = stack.enter_context(socket.socket())
            other.setblocking(False)
            other.connect_ex((host, port))
        time.sleep(0.1)
        yield


def reached_at(server: Running) -> set[str]:
    """The addresses at which clients hold connections to it, this one apart."""
    with contextlib.closing(raw(server)) as admin:
        own = admin.client_id()
        found = [each for each in admin.client_list() if each["id"] != str(own)]
    return {each["laddr"].rpartition(":")[0] for each in found}


def test_name_that_fails_is_unavailable_and_one_that_moved_is_followed(
    start_server: StartServer, opened: Open, job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = start_server("--bind", f"{FIRST} {SECOND}")
    names = Names(monkeypatch)
    backend = opened(f"redis://:{PASSWORD}@{NAME}:{server.port}/0")
    assert backend.enqueue([job()]) == [ACCEPTED]
    assert reached_at(server) == {FIRST}

    names.addresses = []
    server.restart()
    # A connection that was used a moment ago is taken to be open; a restart may be faster.
    time.sleep(0.1)
    began = time.monotonic()
    with pytest.raises(BackendUnavailable, match="name resolution"):
        backend.counts("mail")
    took = time.monotonic() - began
    names.addresses = [SECOND]

    assert backend.enqueue([job()]) == [ACCEPTED]
    assert backend.counts("mail").ready == 2
    assert reached_at(server) == {SECOND}
    assert took < CALL


def test_addresses_of_a_name_share_the_seconds_of_a_call(
    server: Running, opened: Open, job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = Names(monkeypatch)
    url = f"redis://:{PASSWORD}@{NAME}:{server.port}/0"
    with silent(SECOND, server.port), silent(THIRD, server.port):
        names.addresses = [SECOND, THIRD, FIRST]
        began = time.monotonic()
        backend = opened(url)
        assert time.monotonic() - began < CALL
        assert backend.enqueue([job()]) == [ACCEPTED]

        names.addresses = [SECOND, THIRD, SECOND]
        began = time.monotonic()
        with pytest.raises(BackendUnavailable, match="did not answer in time"):
            opened(url)
        assert time.monotonic() - began < CALL

    # Of those that refuse at once, the last one says why, and costs nothing.
    names.addresses = [SECOND, THIRD]
    began = time.monotonic()
    with pytest.raises(BackendUnavailable, match="refused"):
        opened(url)
    assert time.monotonic() - began < 1


def test_second_address_speaks_tls_under_the_name(
    start_server: StartServer,
    opened: Open,
    job: MakeJob,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    authority = Authority(tmp_path)
    certificate, key = authority.sign("named", f"DNS:{NAME}")
    port = free_port()
    start_server(
        *("--tls-port", str(port), "--tls-auth-clients", "no"),
        *("--tls-cert-file", str(certificate), "--tls-key-file", str(key)),
        *("--tls-ca-cert-file", str(authority.ca)),
    )
    names = Names(monkeypatch)
    names.addresses = [SECOND, FIRST]
    with silent(SECOND, port):
        backend = opened(f"rediss://:{PASSWORD}@{NAME}:{port}/0?ca={authority.ca}")

        assert backend.enqueue([job()]) == [ACCEPTED]
