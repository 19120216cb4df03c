"""The name of a server: looked up anew for each connection."""

import contextlib
import socket
import time
from typing import Any

import pytest

from anyjob.conformance.servers.own_process import Running
from anyjob.core.envelope import ACCEPTED
from anyjob.core.errors import BackendUnavailable
from tests.unit.backends.redis.conftest import PASSWORD, MakeJob, Open, StartServer, raw

NAME = "jobs.example"
#: Two addresses of one machine.
FIRST, SECOND = "127.0.0.1", "127.0.0.2"
CALL = 6.0


class Names:
    """What the resolver says of `NAME`: an address, or nothing."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.address: str | None = FIRST
        self._resolve = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", self)

    def __call__(self, host: Any, *args: Any, **options: Any) -> Any:
        if host != NAME:
            return self._resolve(host, *args, **options)
        if self.address is None:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return self._resolve(self.address, *args, **options)


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

    names.address = None
    server.restart()
    # A connection that was used a moment ago is taken to be open; a restart may be faster.
    time.sleep(0.1)
    began = time.monotonic()
    with pytest.raises(BackendUnavailable, match="name resolution"):
        backend.counts("mail")
    took = time.monotonic() - began
    names.address = SECOND

    assert backend.enqueue([job()]) == [ACCEPTED]
    assert backend.counts("mail").ready == 2
    assert reached_at(server) == {SECOND}
    assert took < CALL
