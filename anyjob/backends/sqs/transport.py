"""Sends the requests that botocore wrote and signed, each within a deadline that closes the socket.

botocore bounds each read, so a server that answers byte by byte holds a call for ever, and nobody
can end a call of another thread. Its event `before-send` takes a reply from whoever has one.
"""

from __future__ import annotations

import io
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

import urllib3
from botocore.awsrequest import AWSResponse
from botocore.httpsession import get_cert_path
from urllib3.connection import HTTPConnection, HTTPSConnection

#: Seconds that a connection may take to be made.
CONNECT = 5.0
_CHUNK = 65536


class Broken(Exception):
    """There is no reply."""

    def __init__(self, why: str, *, sent: bool) -> None:
        super().__init__(why)
        self.why = why
        #: Whether the service may have got the request.
        self.sent = sent


class _Call(threading.local):
    """The call that this thread makes."""

    deadline = 0.0
    sent = False
    guarded: _Guarded | None = None

    def drop(self) -> None:
        if self.guarded is not None:
            self.guarded.drop()

    def left(self) -> float:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("did not answer in time")
        return left


_call = _Call()


class _Bounded(io.RawIOBase):
    """What a socket brings, until the deadline of the call that reads."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._raw: Any = connected.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._socket.settimeout(_call.left())
        read: int | None = self._raw.readinto(buffer)
        return read

    def close(self) -> None:
        with suppress(OSError):
            self._raw.close()
        super().close()


class _Guarded:
    """A socket whose every step ends by the deadline of the call that takes it."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._reader: _Bounded | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)

    def makefile(self, *_: Any, **__: Any) -> io.BufferedReader:
        self._reader = _Bounded(self._socket)
        return io.BufferedReader(self._reader)

    def cut(self) -> None:
        """End whoever reads or writes, in any thread."""
        with suppress(OSError):
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def drop(self) -> None:
        """Close it for good: a reply that was begun would hold it until it is forgotten."""
        if self._reader is not None:
            self._reader.close()
        with suppress(OSError):
            self._socket.close()

    def sendall(self, data: Any) -> None:
        rest = memoryview(data).cast("B")
        while rest:
            self._socket.settimeout(_call.left())
            rest = rest[self._socket.send(rest[:_CHUNK]) :]


class _Tracked(Protocol):
    sock: Any

    def connect(self) -> None: ...
    def send(self, data: Any) -> None: ...


class _Tracking:
    """The half that both kinds of connection share."""

    sock: Any

    def connect(self: _Tracked) -> None:
        super().connect()  # type: ignore[safe-super]
        self.sock = _Guarded(self.sock)

    def send(self: _Tracked, data: Any) -> None:
        if self.sock is None:
            self.connect()
        _call.guarded = self.sock
        _call.sent = True
        super().send(data)  # type: ignore[safe-super]


class _Connection(_Tracking, HTTPConnection):
    pass


class _SafeConnection(_Tracking, HTTPSConnection):
    pass


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Connection


class _SafePool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _SafeConnection


class Transport:
    """Connections to one endpoint; any thread may send, and `cut` ends whoever does."""

    def __init__(
        self,
        *,
        ca: str | bool,
        proxy: str | None,
        heard: Callable[[str | None, float], None],
        now: Callable[[], float],
    ) -> None:
        """`ca` is as botocore has it: a file, or whether to check at all; `heard` is told the Date
        of each reply, and when it was asked for by `now`.
        """
        checks: dict[str, Any] = {"ca_certs": get_cert_path(ca), "cert_reqs": "REQUIRED"}
        if ca is False:
            checks = {"cert_reqs": "NONE"}
        checks |= {"num_pools": 4, "maxsize": 64}
        self._manager: urllib3.PoolManager = (
            urllib3.PoolManager(**checks)
            if proxy is None
            else urllib3.ProxyManager(proxy, **checks)
        )
        self._manager.pool_classes_by_scheme = {"http": _Pool, "https": _SafePool}
        self._heard = heard
        self._now = now
        self._lock = threading.Lock()
        self._under_way: set[_Running] = set()
        self._closed = False

    def send(self, request: Any, **_: Any) -> AWSResponse:
        """Answer botocore's event `before-send`; raises Broken."""
        _call.sent, _call.guarded = False, None
        asked = self._now()
        try:
            left = _call.left()
            reply = self._manager.urlopen(
                request.method,
                request.url,
                body=request.body,
                headers=request.headers,
                timeout=urllib3.Timeout(connect=min(CONNECT, left), read=left),
                retries=False,
                redirect=False,
                assert_same_host=False,
                preload_content=True,
            )
        except (urllib3.exceptions.HTTPError, OSError, ValueError, AttributeError) as error:
            # The last two come from a socket that somebody else has closed.
            _call.drop()
            raise Broken(_reason(error), sent=_call.sent) from error
        self._heard(reply.headers.get("date"), asked)
        return AWSResponse(request.url, reply.status, reply.headers, _Read(reply.data))

    def within(self, deadline: float, *, group: object = None) -> _Running:
        """A block in which this thread sends, until `deadline` on the monotonic clock at most."""
        return _Running(self, deadline, group)

    def cut(self, group: object = None) -> None:
        """End the calls of a group, or all, as if the connection had broken."""
        with self._lock:
            running = [each for each in self._under_way if group in (None, each.group)]
        for each in running:
            each.cut()

    def close(self) -> None:
        """Cut everything, now and later; idempotent."""
        self._closed = True
        self.cut()
        for key in list(self._manager.pools.keys()):
            pool = self._manager.pools.get(key)
            if pool is not None:
                pool.close()
        self._manager.clear()

    def _begin(self, running: _Running) -> None:
        with self._lock:
            if self._closed:
                raise Broken("is closed", sent=False)
            self._under_way.add(running)

    def _end(self, running: _Running) -> None:
        with self._lock:
            self._under_way.discard(running)


class _Running:
    """One call under way."""

    def __init__(self, transport: Transport, deadline: float, group: object) -> None:
        self._transport = transport
        self._deadline = deadline
        self.group = group
        self._thread_call: dict[str, Any] = {}

    def __enter__(self) -> None:
        _call.deadline = self._deadline
        _call.guarded = None
        #: Of the thread that makes the call, to be looked at by the one that cuts it.
        self._thread_call = _call.__dict__
        self._transport._begin(self)  # noqa: SLF001 - of this file

    def __exit__(self, *_: object) -> None:
        self._transport._end(self)  # noqa: SLF001

    def cut(self) -> None:
        guarded = self._thread_call.get("guarded")
        if guarded is not None:
            guarded.cut()


class _Read:
    """A body that has been read, as botocore asks for it."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self, *_: Any, **__: Any) -> Any:
        yield self._content

    def read(self, *_: Any, **__: Any) -> bytes:
        return self._content


def _reason(error: BaseException) -> str:
    if isinstance(error, urllib3.exceptions.NewConnectionError):
        return "cannot be reached"
    if isinstance(error, TimeoutError | urllib3.exceptions.TimeoutError):
        return "did not answer in time"
    if isinstance(error, urllib3.exceptions.SSLError):
        return "shows a certificate that proves nothing, or speaks no TLS"
    return "closed the connection"
