"""The emulated service as tests use it: asked by boto3, past the backend, and told what fails."""

from __future__ import annotations

import contextlib
import http.client
import json
from collections.abc import Iterator
from typing import Any

from anyjob.conformance import OwnProcess
from anyjob.conformance.servers.own_process import Running
from tests.conformance.sqs.faults import Fault, written
from tests.conformance.sqs.harness import COMMAND, URL, SQSHarness, client
from tests.conformance.sqs.moved import MovedClock
from tests.conformance.sqs.proxy import HOST

#: Its requests wait as long as they ask to.
SERVER = OwnProcess(COMMAND, url=URL, patience=60.0)


class Service:
    """One that runs."""

    def __init__(self, running: Running) -> None:
        self.running = running
        self.clock = MovedClock(running.folder)

    @property
    def url(self) -> str:
        """As a backend is told it."""
        return self.running.url

    @property
    def endpoint(self) -> str:
        return f"http://{HOST}:{self.running.port}"

    @property
    def objects(self) -> str:
        """The endpoint of S3, with no front."""
        return f"http://{HOST}:{(self.running.folder / 'emulator').read_text()}"

    def client(self) -> Any:
        """boto3's own."""
        return client(self.endpoint)

    @contextlib.contextmanager
    def wrong(self, *faults: Fault) -> Iterator[None]:
        """A block in which these go wrong."""
        self._say("PUT", "/faults", written(list(faults)))
        try:
            yield
        finally:
            self._say("PUT", "/faults", written([]))

    def requests(self) -> dict[str, int]:
        """How many came, by action."""
        asked: dict[str, int] = json.loads(self._say("GET", "/requests"))
        return asked

    def _say(self, method: str, path: str, body: bytes = b"") -> bytes:
        connection = http.client.HTTPConnection(HOST, self.running.port, timeout=10)
        try:
            connection.request(method, path, body)
            return connection.getresponse().read()
        finally:
            connection.close()


def shared() -> Service:
    """The one that all tests of this process share."""
    return Service(SERVER.shared(_is_ready, SQSHarness.root))


@contextlib.contextmanager
def own() -> Iterator[Service]:
    """One that may be killed and frozen."""
    running = SERVER.start(_is_ready, SQSHarness.root)
    try:
        yield Service(running)
    finally:
        running.stop()


def _is_ready(running: Running) -> bool:
    client = Service(running).client()
    try:
        client.list_queues()
    finally:
        client.close()
    return True
