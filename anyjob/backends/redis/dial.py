"""How a connection to a server is made: by redis-py, with TLS, user and database."""

from __future__ import annotations

import inspect
import time
from typing import Any

import msgspec
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


def dial(location: Location, seconds: float) -> Any:
    """A connection of redis-py's, made within about `seconds`; raises an error of ours."""
    address = _primary(location, seconds) if location.sentinels else (location.host, location.port)
    return _connected(_connection(location, address, seconds), location)


def _connected(connection: Any, location: Location) -> Any:
    try:
        connection.connect()
    except (redis.RedisError, OSError) as error:
        connection.disconnect()
        raise (location.tls and unreadable(location)) or unconnected(location, error) from error
    return connection


def _primary(location: Location, seconds: float) -> tuple[str, int]:
    """Where the primary is, by the first sentinel that knows."""
    trouble: AnyjobError = unreachable(location, f"is known to no sentinel as {location.primary!r}")
    deadline = time.monotonic() + seconds
    for address in location.sentinels:
        left = max(0.05, deadline - time.monotonic())
        try:
            connection = _connected(_sentinel(location, address, left), location)
        except AnyjobError as error:
            trouble = error
            continue
        try:
            connection.send_command("SENTINEL", "get-master-addr-by-name", location.primary)
            found = connection.read_response()
        except (redis.RedisError, OSError) as error:
            trouble = unconnected(location, error)
            continue
        finally:
            connection.disconnect()
        if found:
            return found[0].decode(), int(found[1])
    raise trouble


def _sentinel(location: Location, address: tuple[str, int], seconds: float) -> Any:
    asked = msgspec.structs.replace(
        location, user=location.sentinel_user, password=location.sentinel_password, db=0
    )
    return _connection(asked, address, seconds)


def _connection(location: Location, address: tuple[str, int], seconds: float) -> Any:
    kind, options = _kind_of(location, address, seconds)
    return kind(
        db=location.db,
        username=location.user,
        password=location.password,
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
        "socket_keepalive": True,
    }
    if not location.tls:
        return Connection, network
    return SSLConnection, network | {
        "ssl_ca_certs": location.ca or None,
        "ssl_certfile": location.cert or None,
        "ssl_keyfile": location.key or None,
        "ssl_check_hostname": True,
        # Else a key with a password would ask for it on the terminal.
        "ssl_password": "",
    }
