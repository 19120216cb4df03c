"""What is asked of a server and what it keeps, as the benchmarks see it from outside."""

from collections.abc import Iterator

import pytest

from benchmarks.content import content
from benchmarks.overheard import overheard
from benchmarks.server import client, database, empty, server


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with server(tmp_path_factory.mktemp("redis")) as url:
        yield url


def test_what_is_heard_is_told_by_database(url: str) -> None:
    with client(url) as one, client(database(url, 3)) as other:
        one.ping()
        other.ping()
        with overheard(url) as heard:
            one.get("key")
            other.set("key", 1)
            other.set("key", 2)

    assert heard == {0: {"GET": 1}, 3: {"SET": 2}}


def test_what_a_script_does_is_not_heard(url: str) -> None:
    with client(url) as one:
        one.ping()
        with overheard(url) as heard:
            one.eval("return redis.call('SET', KEYS[1], 1)", 1, "key")

    assert heard == {0: {"EVAL": 1}}


def test_content_is_what_values_hold_whatever_their_type(url: str) -> None:
    empty(url)
    with client(url) as one:
        one.set("string", "12345")
        one.rpush("list", "12", "34")
        one.sadd("set", "1")
        one.zadd("sorted", {"12": 7.0})
        one.hset("hash", "123", "45")
        one.xadd("stream", {"1": "2"})

    assert content(url) == 5 + 4 + 1 + 2 + 5 + 2


def test_a_database_is_emptied_alone(url: str) -> None:
    other = database(url, 5)
    with client(url) as one, client(other) as two:
        one.set("key", 1)
        two.set("key", 1)

        empty(other)

        assert (one.dbsize() > 0, two.dbsize()) == (True, 0)
