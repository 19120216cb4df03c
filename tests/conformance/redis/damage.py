"""What the keys of a queue can suffer: states that no script of ours leaves."""

from __future__ import annotations

import redis

QUEUE = "line"


def plant(server: redis.Redis, namespace: str) -> list[str]:
    """Break the invariants of the keys of one queue, each once; it holds some ready jobs."""
    stem = f"{namespace}:{{{QUEUE}}}:"
    level = f"{stem}r5"
    first = server.lrange(level, 0, 0)[0]
    missing = b"00000000-0000-7000-8000-00000000dead"
    # An id without a body, before and behind the others.
    server.lpush(level, missing)
    server.rpush(level, missing)
    # An entry of a job twice.
    server.rpush(level, first)
    # A lease without a job, and one without an owner of a job that waits.
    server.zadd(f"{stem}lease", {missing: 1})
    server.hset(f"{stem}own", missing, "5:0000000000000001")
    # What is remembered of jobs that nobody knows.
    server.hset(f"{stem}meta", missing, "3:1:1:note")
    server.hset(f"{stem}holds", missing, "0:nobody's key")
    server.hset(f"{stem}uniq", "nobody's key", b"0:" + missing)
    server.zadd(f"{stem}sched", {b"5:" + missing: 1})
    server.zadd(f"{stem}dead", {missing: 1})
    return [
        "an id without a body",
        "a job twice in its list",
        "a lease without a job",
        "an owner without a job",
        "a note without a job",
        "a unique key of nobody's",
        "a due time without a job",
        "a burial without a job",
    ]
