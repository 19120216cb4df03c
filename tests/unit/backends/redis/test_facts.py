"""What INFO tells, and what follows from it."""

import msgspec
import pytest

from anyjob.backends.redis.facts import (
    Facts,
    capabilities_of,
    check_fit,
    durability_of,
    facts_of,
    findings,
    read_facts,
)
from anyjob.backends.redis.url import parse_url
from anyjob.core.errors import ConfigurationError

LOCAL = parse_url("redis://localhost")

REDIS_7 = b"""# Server\r
redis_version:7.0.15\r
redis_mode:standalone\r
\r
# Memory\r
maxmemory:0\r
maxmemory_policy:noeviction\r
\r
# Persistence\r
loading:0\r
rdb_last_save_time:1764399124\r
rdb_saves:0\r
aof_enabled:1\r
\r
# Replication\r
role:master\r
"""

VALKEY_8 = b"""# Server\r
redis_version:7.2.4\r
server_name:valkey\r
valkey_version:8.1.1\r
maxmemory:1048576\r
maxmemory_policy:noeviction\r
aof_enabled:0\r
role:master\r
"""

GOOD = read_facts(REDIS_7)


def but(**fields: object) -> Facts:
    return msgspec.structs.replace(GOOD, **fields)


def test_redis_is_read() -> None:
    assert (GOOD.product, GOOD.version, GOOD.role) == ("redis", "7.0.15", "master")
    assert (GOOD.policy, GOOD.maxmemory, GOOD.has_aof) == ("noeviction", 0, True)


def test_valkey_is_known_by_its_own_version() -> None:
    facts = read_facts(VALKEY_8)

    assert (facts.product, facts.version) == ("valkey", "8.1.1")
    assert (facts.maxmemory, facts.has_aof) == (1048576, False)
    check_fit(facts, LOCAL)


def test_valkey_is_known_by_its_version_alone() -> None:
    facts = read_facts(VALKEY_8.replace(b"server_name:valkey\r\n", b""))

    assert (facts.product, facts.version) == ("valkey", "8.1.1")


def test_text_without_a_fact_is_read_all_the_same() -> None:
    facts = read_facts(b"\r\n# Server\r\nnothing\r\nmaxmemory:lots\r\n\xff\xfe:1\r\n")

    assert facts == Facts("redis", "", "standalone", "", "", 0, has_aof=False)


@pytest.mark.parametrize(
    ("product", "version", "oldest"),
    [
        ("redis", "6.2.14", "7.0"),
        ("redis", "", "7.0"),
        ("redis", "unstable", "7.0"),
        ("redis", "6.999.999", "7.0"),
        ("valkey", "7.1.0", "7.2"),
    ],
)
def test_server_too_old_is_refused_with_what_is_needed(
    product: str, version: str, oldest: str
) -> None:
    with pytest.raises(ConfigurationError, match=f"needs {oldest} or later; upgrade it"):
        check_fit(but(product=product, version=version), LOCAL)


@pytest.mark.parametrize(
    ("product", "version"),
    [("redis", "7.0.0"), ("redis", "7"), ("redis", "10.0.1"), ("valkey", "7.2.0")],
)
def test_server_new_enough_is_taken(product: str, version: str) -> None:
    check_fit(but(product=product, version=version), LOCAL)


def test_replica_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="name its primary"):
        check_fit(but(role="slave"), LOCAL)


@pytest.mark.parametrize(
    ("mode", "advice"), [("sentinel", r"redis\+sentinel://"), ("cluster", "a node of a Cluster")]
)
def test_server_that_is_no_server_for_jobs_is_refused(mode: str, advice: str) -> None:
    with pytest.raises(ConfigurationError, match=advice):
        check_fit(but(mode=mode), LOCAL)


def test_node_is_taken_where_the_url_says_that_it_is_one() -> None:
    check_fit(but(mode="cluster"), msgspec.structs.replace(LOCAL, is_node=True))


def test_cluster_is_as_weak_as_its_weakest_node() -> None:
    node = msgspec.structs.replace(LOCAL, is_node=True, allow_eviction="allkeys-lru")
    new = REDIS_7.replace(b"7.0.15", b"7.2.4").replace(b"maxmemory:0", b"maxmemory:512")
    lossy = REDIS_7.replace(b"aof_enabled:1", b"aof_enabled:0").replace(
        b"noeviction", b"allkeys-lru"
    )

    assert facts_of([(node, REDIS_7), (node, REDIS_7)]) == GOOD
    found = facts_of([(node, new), (node, REDIS_7), (node, lossy)])

    assert (found.version, found.has_aof, found.policy) == ("7.0.15", False, "allkeys-lru")
    # Without a limit is what a node is warned of.
    assert found.maxmemory == 0


def test_node_that_is_not_fit_is_named() -> None:
    two = msgspec.structs.replace(LOCAL, host="two", is_node=True)
    old = REDIS_7.replace(b"7.0.15", b"6.2.14")

    with pytest.raises(ConfigurationError, match="redis://two:6379/0 is redis 6.2.14"):
        facts_of([(msgspec.structs.replace(LOCAL, is_node=True), REDIS_7), (two, old)])


def test_queues_of_a_cluster_share_no_script() -> None:
    declared = capabilities_of(GOOD, parse_url("redis+cluster://one,two"))

    assert (declared.atomic_batch, declared.atomic_children) == (False, False)


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl", "allkeys-random"])
def test_policy_that_throws_jobs_away_is_refused_unless_allowed_by_name(policy: str) -> None:
    facts = but(policy=policy)

    with pytest.raises(ConfigurationError, match=f"allow_eviction={policy} if losing"):
        check_fit(facts, LOCAL)
    with pytest.raises(ConfigurationError, match="noeviction"):
        check_fit(facts, parse_url("redis://localhost?allow_eviction=volatile-lru"))
    check_fit(facts, parse_url(f"redis://localhost?allow_eviction={policy}"))


def test_server_that_tells_no_policy_is_taken() -> None:
    check_fit(but(policy=""), LOCAL)


def test_durability_is_the_file_and_the_operators_word() -> None:
    always = parse_url("redis://localhost?fsync=always")

    assert durability_of(but(has_aof=False), always) == "none"
    assert durability_of(GOOD, LOCAL) == "process"
    assert durability_of(GOOD, always) == "os"


def test_capabilities_follow_the_facts_and_the_window() -> None:
    declared = capabilities_of(GOOD, LOCAL)
    without = capabilities_of(but(has_aof=False), parse_url("redis://localhost?dedup_window=0"))

    assert (declared.product, declared.version) == ("redis", "7.0.15")
    assert (declared.dedup, declared.dedup_window, declared.durability) == (
        "window",
        60.0,
        "process",
    )
    assert (without.dedup, without.dedup_window, without.durability) == ("none", 0.0, "none")


@pytest.mark.parametrize(
    ("fields", "url", "found"),
    [
        ({}, "redis://localhost", {"redis-no-maxmemory": "info"}),
        ({"maxmemory": 1}, "redis://localhost", {}),
        ({"maxmemory": 1}, "unix:///run/redis.sock", {}),
        ({"maxmemory": 1}, "redis://[::1]", {}),
        ({"maxmemory": 1, "has_aof": False}, "redis://localhost", {"redis-no-aof": "warning"}),
        ({"maxmemory": 1}, "redis://localhost?fsync=always", {"redis-fsync-on-trust": "info"}),
        (
            {"maxmemory": 1, "has_aof": False},
            "redis://localhost?fsync=always",
            {"redis-no-aof": "warning"},
        ),
        (
            {"maxmemory": 1, "policy": "allkeys-lru"},
            "redis://localhost?allow_eviction=allkeys-lru",
            {"redis-eviction": "error"},
        ),
        ({"maxmemory": 1}, "redis://localhost?dedup_window=0", {"redis-no-dedup": "warning"}),
        ({"maxmemory": 1}, "redis://queue.example", {"redis-no-password": "warning"}),
        ({"maxmemory": 1}, "redis://:xyzzy@queue.example", {}),
    ],
)
def test_weaknesses_are_found(fields: dict[str, object], url: str, found: dict[str, str]) -> None:
    all_found = findings(but(**fields), parse_url(url))

    assert {each.id: each.severity for each in all_found} == found
    assert all(each.seen and each.why and each.fix for each in all_found)
    assert "xyzzy" not in repr(all_found)
