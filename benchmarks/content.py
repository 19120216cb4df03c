"""How many bytes a database of Redis is given to keep, before it adds any of its own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from benchmarks.server import client


def content(url: str) -> int:
    """The length of all values: what is in them, without the names of keys and without scores."""
    with client(url) as server:
        return sum(_length(server, key) for key in server.scan_iter(count=1000))


def _length(server: Any, key: bytes) -> int:
    kind = server.type(key)
    if kind == b"string":
        return int(server.strlen(key))
    if kind == b"list":
        return _sum(server.lrange(key, 0, -1))
    if kind == b"set":
        return _sum(server.smembers(key))
    if kind == b"zset":
        return _sum(server.zrange(key, 0, -1))
    if kind == b"hash":
        return _sum(_flat(server.hgetall(key)))
    if kind == b"stream":
        return sum(_sum(_flat(fields)) for _, fields in server.xrange(key))
    raise TypeError(f"{key!r} is a {kind!r}")


def _flat(pairs: dict[bytes, bytes]) -> Iterable[bytes]:
    return (word for pair in pairs.items() for word in pair)


def _sum(words: Iterable[bytes]) -> int:
    return sum(map(len, words))
