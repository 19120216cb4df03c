"""Which part of a worker's way with a job a frame belongs to. The standard library is all it needs.

The files and names are those of anyjob, then as now: what is compared is cut at the same places.
"""

from __future__ import annotations

from collections.abc import Iterable

#: The variable that names the file in which a profiled worker leaves what it collected.
COLLECTED = "BENCH_COLLECTED"

#: What each stage is called, in the order of a job's way.
STAGES = {
    "fetch": "fetch: ask, read the reply, make leases of it",
    "decode": "decode the envelope",
    "plan": "look the task up, judge, plan",
    "hand": "hand over to a thread, begin",
    "call": "check the arguments, call the task",
    "settle": "judge the outcome, settle, read what became of it",
    "renew": "leases to renew, and the rest of the upkeep",
    "rest": "everything else",
}

#: Part of a path, the beginning of a qualified name or nothing, and the stage. The innermost frame
#: decides that matches any, and the first that it matches.
PLACES = (
    ("benchmarks/bodies.py", "", "call"),
    ("anyjob/core/wire.py", "", "decode"),
    ("anyjob/core/limits.py", "", "decode"),
    ("anyjob/core/arguments.py", "", "call"),
    ("anyjob/worker/run.py", "", "call"),
    ("anyjob/worker/intake.py", "", "plan"),
    ("anyjob/worker/judgement.py", "", "settle"),
    ("anyjob/worker/after.py", "", "settle"),
    ("anyjob/backends/desk.py", "", "settle"),
    ("anyjob/backends/redis/encode.py", "settled", "settle"),
    ("anyjob/backends/redis/consumer.py", "RedisConsumer.settle", "settle"),
    ("anyjob/backends/redis/consumer.py", "RedisConsumer._settlements", "settle"),
    ("anyjob/backends/redis/consumer.py", "RedisConsumer._answer", "settle"),
    ("anyjob/backends/redis/consumer.py", "RedisConsumer.flush", "settle"),
    ("anyjob/backends/redis/consumer.py", "Sent", "settle"),
    ("anyjob/backends/redis/consumer.py", "RedisConsumer.fetch", "fetch"),
    ("anyjob/worker/held.py", "Held.hand_over", "settle"),
    ("anyjob/worker/held.py", "Held.answered", "settle"),
    ("anyjob/worker/keeper.py", "Keeper._settle", "settle"),
    ("anyjob/worker/keeper.py", "", "renew"),
    ("anyjob/worker/house.py", "", "renew"),
    ("anyjob/worker/threads.py", "", "hand"),
    ("anyjob/worker/worker.py", "Worker._submit", "hand"),
    ("anyjob/worker/fetcher.py", "", "fetch"),
)


def stage_of(frames: Iterable[tuple[str, str]]) -> str:
    """The stage of a stack of paths and qualified names, the innermost first."""
    for path, name in frames:
        for part, beginning, stage in PLACES:
            if part in path and name.startswith(beginning):
                return stage
    return "rest"
