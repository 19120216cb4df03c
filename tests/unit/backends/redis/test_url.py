import pytest
from rich.pretty import pretty_repr

from anyjob.backends.redis import RedisBackend, RedisStore
from anyjob.backends.redis.url import Location, parse_url
from anyjob.core.errors import ConfigurationError
from tests.unit.backends.redis.conftest import everything_told


def test_bare_url_is_the_local_server_with_the_safe_defaults() -> None:
    location = parse_url("redis://")

    assert (location.host, location.port, location.db, location.path) == ("localhost", 6379, 0, "")
    assert (location.user, location.password, location.tls) == (None, None, False)
    assert (location.dedup_window, location.allow_eviction, location.fsync) == (60.0, "", False)


def test_every_part_is_read() -> None:
    location = parse_url("redis://jobs:p%40ss%2Fw%3F%23@queue.example:7000/3")

    assert (location.host, location.port, location.db) == ("queue.example", 7000, 3)
    assert (location.user, location.password) == ("jobs", "p@ss/w?#")


def test_password_needs_no_user() -> None:
    location = parse_url("redis://:word@queue.example")

    assert (location.user, location.password) == (None, "word")


def test_password_may_have_any_character() -> None:
    assert parse_url("redis://:%0a%00%C2%A0@queue.example").password == "\n\x00\xa0"


def test_address_of_the_sixth_version_is_read_and_shown_in_brackets() -> None:
    location = parse_url("redis://[::1]:7000")

    assert location.host == "::1"
    assert location.shown == "redis://[::1]:7000/0"


def test_socket_is_a_path() -> None:
    location = parse_url("unix://jobs:word@/run/my%20redis.sock?db=2")

    assert (location.path, location.db) == ("/run/my redis.sock", 2)
    assert (location.user, location.password) == ("jobs", "word")
    assert location.shown == "unix:///run/my redis.sock?db=2"


def test_cluster_is_any_of_its_nodes() -> None:
    location = parse_url("rediss+cluster://jobs:word@one:7000,[::1]?wait_replicas=2&ca=/etc/ca.pem")

    assert location.nodes == (("one", 7000), ("::1", 6379))
    assert (location.sentinels, location.primary, location.db) == ((), "", 0)
    assert (location.user, location.password, location.tls) == ("jobs", "word", True)
    assert (location.wait_replicas, location.ca) == (2, "/etc/ca.pem")
    assert location.shown == "rediss+cluster://one:7000,[::1]:6379"
    assert parse_url("redis+cluster://one/0").nodes == (("one", 6379),)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("redis+cluster://one,two/1", "names database 1, and a Cluster has none but 0"),
        ("redis+cluster://", r"names no node; write redis\+cluster://host:6379,host:6379"),
        ("redis+cluster://one,,two", "names no node"),
        ("redis+cluster://one?sentinel_user=x", "and no sentinels"),
        ("redis+cluster://one/shop/0", "to be a number"),
    ],
)
def test_cluster_url_that_means_nothing_is_refused(url: str, why: str) -> None:
    with pytest.raises(ConfigurationError, match=why):
        parse_url(url)


def test_tls_takes_its_three_files() -> None:
    location = parse_url("rediss://queue.example?ca=/etc/ca.pem&cert=/etc/me.pem&key=/etc/me.key")

    assert location.tls
    assert (location.ca, location.cert, location.key) == (
        "/etc/ca.pem",
        "/etc/me.pem",
        "/etc/me.key",
    )
    assert location.shown == "rediss://queue.example:6379/0"


@pytest.mark.parametrize(("text", "seconds"), [("0", 0.0), ("1", 1.0), ("86400", 86400.0)])
def test_dedup_window_is_off_or_from_a_second_to_a_day(text: str, seconds: float) -> None:
    assert parse_url(f"redis://?dedup_window={text}").dedup_window == seconds


def test_other_options_are_read() -> None:
    location = parse_url("redis://?db=4&allow_eviction=volatile-ttl&fsync=always")

    assert (location.db, location.allow_eviction, location.fsync) == (4, "volatile-ttl", True)


@pytest.mark.parametrize(
    ("url", "advice"),
    [
        ("postgresql://localhost", "redis://localhost:6379/0"),
        ("localhost:6379", "redis://localhost:6379/0"),
        ("redis://localhost:none", "its port"),
        ("redis://localhost:70000", "its port"),
        ("redis://[::1", "bracket"),
        ("redis://localhost#part", "%23"),
        ("redis://localhost/zero", "the database"),
        ("redis://localhost/-1", "the database"),
        ("redis://localhost/0/1", "the database"),
        ("redis://localhost/1234567", "the database"),
        ("redis://localhost/²", "the database"),
        ("redis://localhost/0?db=0", "two databases"),
        ("unix://", "names no socket"),
        ("unix:///", "names no socket"),
        ("unix://run/redis.sock", "three slashes"),
        ("redis://localhost?dedup_window=0.5", "0 or from 1 to 86400"),
        ("redis://localhost?dedup_window=86401", "0 or from 1 to 86400"),
        ("redis://localhost?dedup_window=nan", "0 or from 1 to 86400"),
        ("redis://localhost?dedup_window=inf", "0 or from 1 to 86400"),
        ("redis://localhost?dedup_window=", "0 or from 1 to 86400"),
        ("redis://localhost?dedup_windwo=1", "did you mean 'dedup_window'"),
        ("redis://localhost?allow_eviction=noeviction", "allkeys-lru or"),
        ("redis://localhost?allow_eviction=", "allkeys-lru or"),
        ("redis://localhost?fsync=everysec", "to be always"),
        ("redis://localhost?fsync=always&fsync=always", "once"),
        ("redis://localhost?ca=/etc/ca.pem", "rediss://"),
        ("unix:///run/redis.sock?key=/etc/me.key", "rediss://"),
        ("rediss://localhost?cert=/etc/me.pem", "both cert and key"),
        ("rediss://localhost?key=/etc/me.key", "both cert and key"),
        ("redis://local\x00host", "control character"),
        ("redis://local\nhost", "control character"),
        ("redis://:\udc80@localhost", "control character"),
        ("unix:///run/redis%00.sock", "control character"),
        ("rediss://localhost?ca=/etc/%00", "control character"),
        ("redis://two..dots", "no host"),
        (f"redis://{'long' * 20}.example", "no host"),
    ],
)
def test_url_that_means_nothing_is_refused_with_advice(url: str, advice: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        parse_url(url)

    assert advice in str(refusal.value)
    assert not str(refusal.value).endswith(".")


@pytest.mark.parametrize(
    "url",
    [
        "redis://:xyzzy/y@localhost",
        "redis://:12/xyzzy@localhost",
        "redis://:xyzzy?y@localhost",
        "redis://:12?xyzzy@localhost",
        "redis://:12?xyzzy=y@localhost",
        "redis://:xyzzy#y@localhost",
        "redis://:12#xyzzy@localhost",
        "redis://:[xyzzy@localhost",
        "redis://:xyzzy@localhost:none",
        "redis://:xyzzy@localhost?fsync=xyzzy",
        "redis://:xyzzy@localhost?dedup_window=xyzzy",
        "redis://:xyzzy@localhost?allow_eviction=xyzzy",
        "redis://:xyzzy@localhost/xyzzy",
        "redis+sentinel://:xyzzy/y@localhost/main/0",
        "redis+sentinel://user:12/xyzzy@localhost/main/0",
        "redis+sentinel://localhost:xyzzy,localhost/main/0",
        "redis+cluster://localhost:xyzzy,localhost",
        "redis+cluster://user:12/xyzzy@localhost,localhost",
    ],
)
def test_refusal_shows_nothing_that_may_be_of_the_password(url: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        parse_url(url)

    assert "xyzzy" not in everything_told(refusal.value)


@pytest.mark.parametrize(
    "url", ["redis://jobs:xyzzy@localhost", "unix://:xyzzy@/run/s", "rediss://:xyzzy@localhost"]
)
def test_password_stands_in_no_text_of_a_location_or_a_backend(url: str) -> None:
    location = parse_url(url)
    backend, store = RedisBackend(url), RedisStore(url)

    for one in (location, backend, store, backend.store()):
        assert "xyzzy" not in repr(one)
        assert "xyzzy" not in str(one)
        assert "xyzzy" not in pretty_repr(one)


def test_making_a_backend_or_a_store_touches_nothing() -> None:
    RedisBackend("redis://nowhere.invalid")
    RedisStore("redis://nowhere.invalid")


def test_names_are_checked_when_it_is_made() -> None:
    for name in ("", "a}b", "a*", "a\nb", "a\x00b", "{a}"):
        with pytest.raises(ConfigurationError, match="a namespace"):
            RedisBackend("redis://", namespace=name)
        with pytest.raises(ConfigurationError, match="a namespace"):
            RedisStore("redis://", namespace=name)


def test_locations_are_equal_by_what_they_say() -> None:
    assert parse_url("redis://localhost") == Location()
