"""A Redis as the store of a pair, for a client and for its administrator."""

from __future__ import annotations

import redis

from anyjob.backends.redis import RedisStore
from anyjob.core.clock import Clock
from tests.conformance.redis.harness import PASSWORD, USER, USERS_PASSWORD


def store_at(port: int, namespace: str, clock: Clock | None) -> RedisStore:
    """As a user who may do no more than the documentation says."""
    url = f"redis://{USER}:{USERS_PASSWORD}@127.0.0.1:{port}/0"
    return RedisStore(url, namespace=namespace, clock=clock)


def administrator(port: int) -> redis.Redis:
    return redis.Redis(port=port, password=PASSWORD, socket_timeout=5.0)


def tidy(port: int, namespace: str) -> None:
    """Remove what stands there of all namespaces that begin so."""
    with administrator(port) as server:
        keys = list(server.scan_iter(f"{namespace}*", count=1000))
        if keys:
            server.unlink(*keys)
