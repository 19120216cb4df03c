"""How a connection to a server is made: by redis-py, with TLS, user and database."""

from __future__ import annotations

import inspect
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

from anyjob.backends.redis.errors import unconnected
from anyjob.backends.redis.url import Location

# Each keeps redis-py from telling the server its name, for which a user may have no right; the
# releases that have the first warn of the second.
_NAMELESS: dict[str, Any] = (
    {"driver_info": None}
    if "driver_info" in inspect.signature(AbstractConnection.__init__).parameters
    else {"lib_name": None, "lib_version": None}
)


def dial(location: Location, seconds: float) -> Any:
    """A connection of redis-py's, made within about `seconds`; raises an error of ours."""
    connection = _connection(location, seconds)
    try:
        connection.connect()
    except (redis.RedisError, OSError) as error:
        connection.disconnect()
        raise unconnected(location, error) from error
    return connection


def _connection(location: Location, seconds: float) -> Any:
    kind, options = _kind_of(location, seconds)
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


def _kind_of(location: Location, seconds: float) -> tuple[Any, dict[str, Any]]:
    if location.path:
        return UnixDomainSocketConnection, {"path": location.path}
    address: dict[str, Any] = {
        "host": location.host,
        "port": location.port,
        "socket_connect_timeout": seconds,
        "socket_keepalive": True,
    }
    if not location.tls:
        return Connection, address
    return SSLConnection, address | {
        "ssl_ca_certs": location.ca or None,
        "ssl_certfile": location.cert or None,
        "ssl_keyfile": location.key or None,
        "ssl_check_hostname": True,
    }
