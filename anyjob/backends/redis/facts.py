"""What a server says of itself, and what follows from it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

import msgspec

from anyjob.backends.redis.url import Location
from anyjob.core.backend import Finding
from anyjob.core.capabilities import Capabilities
from anyjob.core.errors import ConfigurationError

MAX_BATCH = 500
MAX_PAYLOAD = 64 * 1024 * 1024
_OLDEST = {"redis": (7, 0), "valkey": (7, 2)}


class Facts(msgspec.Struct, frozen=True):
    """What INFO tells."""

    product: str
    version: str
    #: "standalone", "sentinel" or "cluster".
    mode: str
    role: str
    policy: str
    #: 0: none.
    maxmemory: int
    has_aof: bool


def read_facts(info: bytes) -> Facts:
    """The facts in the text that INFO answers."""
    lines = (line.partition(":") for line in info.decode("utf-8", "replace").splitlines())
    said = {name: value for name, _, value in lines}
    is_valkey = said.get("server_name") == "valkey" or "valkey_version" in said
    return Facts(
        product="valkey" if is_valkey else "redis",
        version=said.get("valkey_version" if is_valkey else "redis_version", ""),
        mode=_mode(said),
        role=said.get("role", ""),
        policy=said.get("maxmemory_policy", ""),
        maxmemory=_number(said, "maxmemory"),
        has_aof=said.get("aof_enabled") == "1",
    )


def facts_of(infos: Iterable[tuple[Location, bytes]]) -> Facts:
    """The facts of a server, or the weakest of a Cluster's, from where each is and what INFO tells
    of it. Raises ConfigurationError if jobs may not be kept there.
    """
    found = []
    for location, info in infos:
        found.append(read_facts(info))
        check_fit(found[-1], location)
    worst = min(found, key=lambda facts: (facts.has_aof, facts.policy in ("", "noeviction")))
    return msgspec.structs.replace(
        worst,
        version=min((facts.version for facts in found), key=_version),
        policy=next(
            (facts.policy for facts in found if facts.policy != "noeviction"), worst.policy
        ),
        maxmemory=min(facts.maxmemory for facts in found),
    )


def check_fit(facts: Facts, location: Location) -> None:
    """Raise ConfigurationError unless jobs may be kept there."""
    where = location.shown
    oldest = _OLDEST[facts.product]
    if _version(facts.version) < oldest:
        raise ConfigurationError(
            f"{where} is {facts.product} {facts.version or 'of an unknown version'}, and anyjob"
            f" needs {oldest[0]}.{oldest[1]} or later; upgrade it, or use another backend"
        )
    if facts.mode == "sentinel":
        raise ConfigurationError(
            f"{where} is a sentinel, which keeps no jobs; write redis+sentinel://host:port/NAME/0"
            " for the primary that it knows by NAME"
        )
    if facts.mode == "cluster" and not location.is_node:
        raise ConfigurationError(
            f"{where} is a node of a Cluster; write redis+cluster://host:port, with one or more of"
            " its nodes"
        )
    if facts.role == "slave":
        raise ConfigurationError(
            f"{where} is a replica, which takes no jobs; name its primary in the URL"
        )
    if facts.policy not in ("", "noeviction", location.allow_eviction):
        raise ConfigurationError(
            f"{where} may throw jobs away when its memory is full (maxmemory-policy"
            f" {facts.policy}); set maxmemory-policy to noeviction, or add"
            f" ?allow_eviction={facts.policy} if losing jobs is all right"
        )


def capabilities_of(facts: Facts, location: Location) -> Capabilities:
    """What a backend on such a server declares."""
    return Capabilities(
        product=facts.product,
        version=facts.version,
        lease="timed",
        fencing="token",
        durability=durability_of(facts, location),
        failover="lossy",
        dedup="window" if location.dedup_window else "none",
        dedup_window=location.dedup_window,
        # Queues of a Cluster are in slots of their own, and no script reaches two of them.
        atomic_batch=not location.nodes,
        max_batch=MAX_BATCH,
        atomic_children=not location.nodes,
        transaction=False,
        delay="native",
        resolution=0.001,
        schedule_lag=0.02,
        priorities=10,
        low_share="native",
        order="fifo",
        redeliveries="exact",
        release="place",
        dead="native",
        counts="exact",
        browse="all",
        results="native",
        cancel="native",
        unique="native",
        pause="native",
        wait="block",
        wakeup_lag=0.02,
        visibility_lag=0.0,
        redelivery_lag=5.0,
        max_payload=MAX_PAYLOAD,
    )


def durability_of(facts: Facts, location: Location) -> Literal["none", "process", "os"]:
    """What an accepted job survives: "os" only on the operator's word, as INFO does not say when
    the file is written through.
    """
    if not facts.has_aof:
        return "none"
    return "os" if location.fsync else "process"


def findings(facts: Facts, location: Location) -> list[Finding]:
    """Every weakness of an installation."""
    return [*_persistence(facts, location), *_memory(facts), *_dedup(location), *_door(location)]


def _persistence(facts: Facts, location: Location) -> Iterator[Finding]:
    if not facts.has_aof:
        yield Finding(
            id="redis-no-aof",
            severity="warning",
            seen="appendonly no",
            why="jobs are gone when the server ends",
            fix="set appendonly yes in its configuration",
        )
    elif location.fsync:
        yield Finding(
            id="redis-fsync-on-trust",
            severity="info",
            seen="?fsync=always in the URL",
            why="a server tells nobody without the right to CONFIG whether it has appendfsync"
            " always, so the word of the URL is taken for it",
            fix="see that appendfsync always stands in the server's configuration",
        )


def _memory(facts: Facts) -> Iterator[Finding]:
    if facts.policy not in ("", "noeviction"):
        yield Finding(
            id="redis-eviction",
            severity="error",
            seen=f"maxmemory-policy {facts.policy}",
            why="the server throws jobs away, or parts of them, when its memory is full",
            fix="set maxmemory-policy to noeviction",
        )
    if not facts.maxmemory:
        yield Finding(
            id="redis-no-maxmemory",
            severity="info",
            seen="maxmemory 0",
            why="a backlog takes memory until the system ends the server, where with a limit the"
            " enqueue would be refused and the workers could catch up",
            fix="set maxmemory to what the machine can spare",
        )


def _dedup(location: Location) -> Iterator[Finding]:
    if not location.dedup_window:
        yield Finding(
            id="redis-no-dedup",
            severity="warning",
            seen="?dedup_window=0 in the URL",
            why="an enqueue that is sent again after a lost answer may run a job twice",
            fix="leave ?dedup_window=0 out of the URL",
        )


def _door(location: Location) -> Iterator[Finding]:
    local = location.path or location.host in ("localhost", "127.0.0.1", "::1")
    if not location.password and not local:
        yield Finding(
            id="redis-no-password",
            severity="warning",
            seen="no password in the URL",
            why="whoever reaches the server may read and change every job",
            fix="give the server a user of its own for anyjob",
        )


def _mode(said: Mapping[str, str]) -> str:
    # Valkey has a second name for it; a Cluster says so in a section of its own as well.
    if said.get("cluster_enabled") == "1":
        return "cluster"
    return said.get("redis_mode") or said.get("server_mode") or "standalone"


def _number(said: Mapping[str, str], name: str) -> int:
    text = said.get(name, "")
    return int(text) if text.isdecimal() else 0


def _version(text: str) -> tuple[int, ...]:
    parts = text.split(".")[:2]
    return (*map(int, parts), 0) if all(map(str.isdecimal, parts)) else (0,)
