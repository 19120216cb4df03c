"""How a connection to a server is made: by redis-py, with TLS, user and database."""

from __future__ import annotations

import inspect
import socket
import time
from collections.abc import Sequence
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.connection import (
    AbstractConnection,
    Connection,
    SSLConnection,
    UnixDomainSocketConnection,
)
from redis.retry import Retry

from anyjob.backends.redis.errors import unconnected, unreachable, unreadable
from anyjob.backends.redis.url import Location
from anyjob.core.errors import AnyjobError

# Each keeps redis-py from telling the server its name, for which a user may have no right; the
# releases that have the first warn of the second.
_NAMELESS: dict[str, Any] = (
    {"driver_info": None}
    if "driver_info" in inspect.signature(AbstractConnection.__init__).parameters
    else {"lib_name": None, "lib_version": None}
)


class _Plain(Connection):
    """As redis-py connects, with one time for all addresses of a name and not one for each."""

    def _connect(self) -> socket.socket:
        deadline = time.monotonic() + (self.socket_connect_timeout or 0.0)
        addresses = socket.getaddrinfo(self.host, self.port, self.socket_type, socket.SOCK_STREAM)
        trouble = OSError(f"{self.host} has no address")
        for at, (family, kind, protocol, _, address) in enumerate(addresses):
            connection = socket.socket(family, kind, protocol)
            try:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
                # One that is silent leaves as much for each that is left.
                connection.settimeout(_left(deadline) / (len(addresses) - at))
                connection.connect(address)
            except OSError as error:
                connection.close()
                trouble = error
            else:
                # What comes first, such as TLS, has the rest.
                connection.settimeout(_left(deadline))
                return connection
        raise trouble


class _Tls(SSLConnection, _Plain):
    """The same, with TLS."""


#: Which sentinel answered last, of each location; a hint, so that threads may race for it.
_answered: dict[Location, tuple[str, int]] = {}
#: One sentinel is given so long.
_SENTINEL_SECONDS = 1.0


def dial(location: Location, seconds: float) -> Any:
    """A connection of redis-py's, made within about `seconds`; raises an error of ours."""
    deadline = time.monotonic() + seconds
    address = _primary(location, deadline) if location.sentinels else (location.host, location.port)
    greeting = _greeting(location.user, location.password, location.db)
    return _connected(location, address, greeting, deadline)


def _greeting(user: str | None, password: str | None, db: int = 0) -> list[tuple[str | int, ...]]:
    """What a server wants to hear first."""
    words: list[tuple[str | int, ...]] = []
    if user:
        words.append(("AUTH", user, password or ""))
    elif password:
        words.append(("AUTH", password))
    if db:
        words.append(("SELECT", db))
    return words


def _connected(
    location: Location,
    address: tuple[str, int],
    greeting: Sequence[tuple[str | int, ...]],
    deadline: float,
) -> Any:
    connection = _connection(location, address, _left(deadline))
    try:
        connection.connect()
        for words in greeting:
            _ask(connection, words, deadline)
    except (redis.RedisError, OSError) as error:
        connection.disconnect()
        raise (location.tls and unreadable(location)) or unconnected(location, error) from error
    return connection


def _ask(connection: Any, words: Sequence[str | int], deadline: float) -> Any:
    """The answer to one command, by the deadline of them all."""
    connection._sock.settimeout(_left(deadline))  # noqa: SLF001 - redis-py gives each its own
    connection.send_command(*words)
    return connection.read_response()


def _left(deadline: float) -> float:
    return max(0.05, deadline - time.monotonic())


def _primary(location: Location, deadline: float) -> tuple[str, int]:
    """Where the primary is, by the first sentinel that knows."""
    trouble: AnyjobError = unreachable(location, f"is known to no sentinel as {location.primary!r}")
    greeting = _greeting(location.sentinel_user, location.sentinel_password)
    last = _answered.get(location)
    # The one that answered last, before those that may be gone for good.
    for address in sorted(location.sentinels, key=lambda address: address != last):
        # One that is silent, as its machine is, must leave time for the others and the primary.
        by = min(deadline, time.monotonic() + _SENTINEL_SECONDS)
        try:
            connection = _connected(location, address, greeting, by)
        except AnyjobError as error:
            trouble = error
            continue
        try:
            question = ("SENTINEL", "get-master-addr-by-name", location.primary)
            found = _ask(connection, question, by)
        except (redis.RedisError, OSError) as error:
            trouble = unconnected(location, error)
            continue
        finally:
            connection.disconnect()
        if found:
            _answered[location] = address
            return found[0].decode(), int(found[1])
    raise trouble


def _connection(location: Location, address: tuple[str, int], seconds: float) -> Any:
    """One that is not made yet, and says nothing of itself when it is."""
    kind, options = _kind_of(location, address, seconds)
    return kind(
        socket_timeout=seconds,
        # It would send any command up to eleven times.
        retry=Retry(NoBackoff(), 0),
        health_check_interval=0,
        protocol=2,
        **_NAMELESS,
        **options,
    )


def _kind_of(
    location: Location, address: tuple[str, int], seconds: float
) -> tuple[Any, dict[str, Any]]:
    if location.path:
        return UnixDomainSocketConnection, {"path": location.path}
    network: dict[str, Any] = {
        "host": address[0],
        "port": address[1],
        "socket_connect_timeout": seconds,
    }
    if not location.tls:
        return _Plain, network
    return _Tls, network | {
        "ssl_ca_certs": location.ca or None,
        "ssl_certfile": location.cert or None,
        "ssl_keyfile": location.key or None,
        "ssl_check_hostname": True,
        # Else a key with a password would ask for it on the terminal.
        "ssl_password": "",
    }
