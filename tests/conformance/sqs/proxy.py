"""A strict front of the emulator: what AWS refuses is refused, and what may go wrong there does
when a test asks for it.

Speaks the service's JSON protocol over HTTP/1.1, as boto3 does, and two words of its own: `PUT
/faults` sets what goes wrong next, `GET /requests` counts by action what was asked.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import select
import socket
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.conformance.sqs.faults import Faults, faults_in
from tests.conformance.sqs.moved import MovedClock
from tests.conformance.sqs.rules import MOST_IN_FLIGHT, Refusal, Rules, failure

HOST = "127.0.0.1"
#: Who is served; a real service knows many callers, and each by a secret.
KEY = "AKIAIOSFODNN7EXAMPLE"
_TARGET = "AmazonSQS."
_CREDENTIAL = re.compile(r"Credential=([^/]+)/\d+/([^/]+)/sqs/aws4_request")


class Front(ThreadingHTTPServer):
    """Listens on 127.0.0.1, a thread for each connection."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, port: int, emulator: int, clock: MovedClock, longest_wait: int) -> None:
        super().__init__((HOST, port), _Handler)
        self.emulator = emulator
        self.clock = clock
        self.longest_wait = longest_wait
        self.rules = Rules(clock.time)
        self.faults = Faults()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is no news."""


class _Lost(Exception):
    """Nothing is answered, and the connection is closed."""


class _Handler(BaseHTTPRequestHandler):
    server: Front
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._upstream = http.client.HTTPConnection(HOST, self.server.emulator, timeout=60)

    def finish(self) -> None:
        self._upstream.close()
        with contextlib.suppress(OSError):
            super().finish()

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are counted, and not written down."""

    def do_PUT(self) -> None:
        self.server.faults.set(faults_in(self._content()))
        self._answer(200, b"{}")

    def do_GET(self) -> None:
        self._answer(200, json.dumps(self.server.faults.requests).encode())

    def do_POST(self) -> None:
        content = self._content()
        action = self.headers.get("x-amz-target", "").removeprefix(_TARGET)
        data = json.loads(content or b"{}")
        self.server.faults.count(action)
        try:
            self._check_caller(action)
            reply = self._reply(action, data)
        except Refusal as refusal:
            self._refuse(refusal)
        except _Lost:
            self.close_connection = True
        else:
            self._answer(200, json.dumps(reply).encode())

    def _check_caller(self, action: str) -> None:
        """AWS says: "The X.509 certificate or AWS access key ID provided does not exist in our
        records." (API Reference, "Common Errors", InvalidClientTokenId)
        """
        found = _CREDENTIAL.search(self.headers.get("authorization", ""))
        if found is None or found[1] != KEY:
            raise Refusal(
                "InvalidClientTokenId",
                "The security token included in the request is invalid.",
                403,
            )
        if self._strikes("expire", action):
            raise Refusal(
                "ExpiredToken", "The security token included in the request is expired", 403
            )
        if self._strikes("deny", action):
            raise Refusal(
                "AccessDeniedException",
                f"User is not authorized to perform: sqs:{action.lower()}",
            )

    def _reply(self, action: str, data: dict[str, Any]) -> dict[str, Any]:
        if self._strikes("throttle", action):
            raise Refusal("RequestThrottled", "The request was denied due to request throttling.")
        if self._strikes("fail", action):
            raise Refusal("ServiceUnavailable", "Service is temporarily unavailable.", 503)
        if self._strikes("unsent", action):
            raise _Lost
        failed = self._fail_entries(action, data)
        if failed and not data["Entries"]:
            return {"Successful": [], "Failed": failed}
        reply = self._judged(action, data)
        if action == "GetQueueAttributes" and self._strikes("crowd", action):
            said = {"ApproximateNumberOfMessagesNotVisible": str(MOST_IN_FLIGHT)}
            reply = {"Attributes": {**reply.get("Attributes", {}), **said}}
        if self._strikes("unheard", action):
            raise _Lost
        if failed:
            reply = {**reply, "Failed": [*reply.get("Failed", ()), *failed]}
        return reply

    def _judged(self, action: str, data: dict[str, Any]) -> dict[str, Any]:
        rules = self.server.rules
        reply = rules.before(action, data, self._in_flight)
        if reply is not None:
            return reply
        refused = data.pop("_refused", None)
        try:
            answered = (
                self._kept_copies(data)
                if action == "DeleteMessageBatch" and self._strikes("double", action)
                else self._ask(action, data)
                if action != "ReceiveMessage"
                else self._receive(data)
            )
        except Refusal as refusal:
            is_late = action == "DeleteMessage" and rules.is_stale(str(data.get("ReceiptHandle")))
            if refusal.code.endswith("ReceiptHandleIsInvalid") and is_late:
                return {}
            raise
        return rules.after(action, {**data, "_refused": refused}, answered)

    def _fail_entries(self, action: str, data: dict[str, Any]) -> list[dict[str, Any]]:
        """Take out of a batch what is to fail."""
        fault = self._strikes("entries", action) if action.endswith("Batch") else None
        if fault is None:
            return []
        entries = data["Entries"]
        failing = [each for index, each in enumerate(entries) if index in fault.entries]
        data["Entries"] = [each for each in entries if each not in failing]
        return [
            failure(each, fault.code, "It failed.", by_sender=fault.by_sender) for each in failing
        ]

    def _receive(self, data: dict[str, Any]) -> dict[str, Any]:
        """Wait a second at a time: whoever has gone away takes nothing any more after that. Of this
        AWS says nothing.
        """
        left = min(int(data.get("WaitTimeSeconds", 0)), self.server.longest_wait)
        while True:
            part = {**data, "WaitTimeSeconds": min(left, 1)}
            reply = self._ask("ReceiveMessage", part)
            left -= 1
            if reply.get("Messages") or left <= 0:
                return reply
            if self._is_alone():
                raise _Lost

    def _is_alone(self) -> bool:
        """Whether the client has closed its connection."""
        if not select.select([self.connection], [], [], 0.0)[0]:
            return False
        try:
            return not self.connection.recv(1, socket.MSG_PEEK)
        except OSError:
            return True

    def _kept_copies(self, data: dict[str, Any]) -> dict[str, Any]:
        """Say that they are deleted, and let them be received again."""
        entries = [{**each, "VisibilityTimeout": 0} for each in data["Entries"]]
        return self._ask("ChangeMessageVisibilityBatch", {**data, "Entries": entries})

    def _in_flight(self, url: str) -> int:
        if self._strikes("crowd", "ReceiveMessage"):
            return MOST_IN_FLIGHT
        return 0  # so many messages no test holds

    def _strikes(self, kind: str, action: str) -> Any:
        return self.server.faults.strike(kind, action)

    def _ask(self, action: str, data: dict[str, Any]) -> dict[str, Any]:
        """What the emulator says; raises Refusal."""
        headers = {
            name: value
            for name, value in self.headers.items()
            if name.lower() in ("authorization", "host", "x-amz-date", "content-type")
        }
        headers["x-amz-target"] = f"{_TARGET}{action}"
        body = json.dumps(data).encode()
        try:
            self._upstream.request("POST", "/", body, headers)
            answer = self._upstream.getresponse()
            content = json.loads(answer.read() or b"{}")
        except (OSError, http.client.HTTPException) as error:
            self._upstream.close()
            raise _Lost from error
        if answer.status >= 400:
            code = str(content.get("__type", "InternalError")).rpartition("#")[2]
            raise Refusal(code, str(content.get("message", "")), answer.status)
        reply: dict[str, Any] = content
        return reply

    def _refuse(self, refusal: Refusal) -> None:
        said = {"__type": f"com.amazonaws.sqs#{refusal.code}", "message": refusal.message}
        self._answer(refusal.status, json.dumps(said).encode())

    def _content(self) -> bytes:
        return self.rfile.read(int(self.headers.get("content-length", "0")))

    def _answer(self, status: int, content: bytes) -> None:
        head = (
            f"HTTP/1.1 {status} -\r\n"
            f"Date: {formatdate(self.server.clock.time(), usegmt=True)}\r\n"
            "Content-Type: application/x-amz-json-1.0\r\n"
            f"Content-Length: {len(content)}\r\n\r\n"
        )
        try:
            self.wfile.write(head.encode() + content)
        except OSError:
            self.close_connection = True


def serve(port: int, emulator: int, clock: MovedClock, longest_wait: int) -> None:
    """Serve until the process ends; no request waits longer, in seconds, whatever it asks for."""
    with Front(port, emulator, clock, longest_wait) as front:
        front.serve_forever()
