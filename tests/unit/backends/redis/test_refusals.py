"""What a server or an address that does not fit makes of the first call: a clear error of ours."""

import socket
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from anyjob.backends.redis import RedisBackend, RedisStore
from anyjob.backends.redis.dial import dial
from anyjob.backends.redis.errors import refused, unconnected
from anyjob.backends.redis.resp import ReplyError
from anyjob.backends.redis.url import parse_url
from anyjob.conformance.servers.own_process import Running
from anyjob.core.envelope import ACCEPTED, Envelope
from anyjob.core.errors import (
    AnyjobError,
    BackendCorrupt,
    BackendError,
    BackendFull,
    BackendUnavailable,
    ConfigurationError,
    InvalidOption,
)
from anyjob.core.store import ClaimRequest
from tests.unit.backends.redis.conftest import (
    PASSWORD,
    SOCKET,
    MakeJob,
    Open,
    StartServer,
    everything_told,
    free_port,
    raw,
    serving,
)
from tests.unit.backends.redis.impostor import posing

HERE = parse_url(f"redis://:{PASSWORD}@localhost")


def test_node_of_a_cluster_is_refused_at_open(start_server: StartServer) -> None:
    # The bus would be on port + 10000, which may be taken, or no port at all.
    node = start_server("--cluster-enabled", "yes", "--cluster-port", str(free_port()))

    for kind in (RedisBackend, RedisStore):
        with pytest.raises(ConfigurationError, match="a node of a Cluster"):
            kind(node.url).open()


def test_server_that_is_too_old_is_refused_before_anything_is_written() -> None:
    with serving(program="redis-server-6.2") as old:
        error = opened_with_error(old.url)

        assert type(error) is ConfigurationError
        assert "is redis 6.2." in str(error)
        assert "needs 7.0 or later" in str(error)
        with closing(raw(old)) as admin:
            assert admin.dbsize() == 0


@pytest.mark.parametrize(
    ("text", "kind", "retryable", "advice"),
    [
        ("OOM command not allowed", BackendFull, True, "raise maxmemory"),
        ("WRONGTYPE Operation against", BackendCorrupt, False, "another namespace"),
        ("NOPERM no permissions to run 'x'", ConfigurationError, False, "'x'"),
        ("NOAUTH Authentication required.", ConfigurationError, False, "wants a password"),
        ("LOADING Redis is loading", BackendUnavailable, True, "wait until it has"),
        ("BUSY Redis is busy", BackendUnavailable, True, "SCRIPT KILL"),
        ("READONLY You can't write", BackendUnavailable, True, "it is a replica"),
        ("MASTERDOWN Link with MASTER", BackendUnavailable, True, "without its primary"),
        ("CLUSTERDOWN The cluster is down", BackendUnavailable, True, "not complete"),
        ("NOREPLICAS Not enough", BackendUnavailable, True, "fewer replicas"),
        ("MISCONF Errors writing", BackendUnavailable, True, "look at its log"),
        ("ERR unknown\r\n  command.", BackendError, False, "ERR unknown command"),
    ],
)
def test_refusal_of_a_server_becomes_an_error_of_ours(
    text: str, kind: type[AnyjobError], retryable: bool, advice: str
) -> None:
    error = refused(HERE, ReplyError(text))

    assert type(error) is kind
    assert error.retryable is retryable
    assert "redis://localhost:6379/0" in str(error)
    assert advice in str(error)
    assert not str(error).endswith(".")
    assert PASSWORD not in str(error)


def test_error_of_any_length_is_a_line_that_people_read() -> None:
    message = str(refused(HERE, ReplyError("ERR " + "very long\n" * 1000)))

    assert len(message) < 500
    assert "\n" not in message


def test_error_that_nobody_knows_is_unavailable() -> None:
    error = unconnected(HERE, OSError("Something\nelse."))

    assert type(error) is BackendUnavailable
    assert str(error).endswith("cannot be reached: Something else")


def opened_with_error(url: str) -> AnyjobError:
    """The error with which it does not open; tried twice, as nothing may be left behind."""
    backend, store = RedisBackend(url), RedisStore(url)
    with pytest.raises(AnyjobError) as refusal:
        backend.open()
    for again in (backend.open, store.open, store.open):
        with pytest.raises(type(refusal.value)):
            again()
    assert PASSWORD not in everything_told(refusal.value)
    assert not str(refusal.value).endswith(".")
    return refusal.value


@pytest.mark.parametrize(
    ("user", "advice"),
    [
        (":wrong@", "refuses the user or the password"),
        (f"nobody:{PASSWORD}@", "refuses the user or the password"),
        ("", "wants a password"),
    ],
)
def test_wrong_user_or_password_is_told(server: Running, user: str, advice: str) -> None:
    error = opened_with_error(f"redis://{user}127.0.0.1:{server.port}/0")

    assert type(error) is ConfigurationError
    assert advice in str(error)


def test_password_that_nobody_wants_is_told() -> None:
    def answer(words: list[bytes]) -> bytes:
        return b"-ERR AUTH <password> called without any password configured for the user\r\n"

    with posing(answer) as impostor:
        error = opened_with_error(impostor.url.replace("//", f"//:{PASSWORD}@"))

    assert type(error) is ConfigurationError
    assert "wants no password" in str(error)


def test_database_that_is_not_there_is_told(server: Running) -> None:
    error = opened_with_error(server.url.removesuffix("/0") + "/99")

    assert type(error) is ConfigurationError
    assert "has no database 99" in str(error)


def test_databases_hold_jobs_of_their_own(server: Running, opened: Open, job: MakeJob) -> None:
    first, second = opened(server.url), opened(server.url.removesuffix("/0") + "/1")
    first.enqueue([job()])

    assert (first.counts("mail").ready, second.counts("mail").ready) == (1, 0)


def test_port_where_nobody_listens_is_told() -> None:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        error = opened_with_error(f"redis://:{PASSWORD}@127.0.0.1:{taken.getsockname()[1]}/0")

    assert type(error) is BackendUnavailable
    assert "refused" in str(error)


def test_host_that_nobody_knows_is_told() -> None:
    error = opened_with_error(f"redis://:{PASSWORD}@nowhere.invalid/0")

    assert type(error) is BackendUnavailable
    assert "cannot be reached" in str(error)


def test_socket_is_a_way_to_the_same_jobs(server: Running, opened: Open, job: MakeJob) -> None:
    path = server.folder / SOCKET
    backend = opened(f"unix://:{PASSWORD}@{path}?db=0")
    backend.enqueue([job()])

    assert opened(server.url).counts("mail").ready == 1
    assert repr(backend) == f"RedisBackend('unix://{path}?db=0')"


@pytest.mark.parametrize("name", ["missing.sock", "long" * 40])
def test_socket_that_is_not_there_is_told(tmp_path: Path, name: str) -> None:
    error = opened_with_error(f"unix://:{PASSWORD}@{tmp_path / name}")

    assert type(error) is BackendUnavailable
    assert "cannot be reached" in str(error)


def info(*lines: str) -> bytes:
    text = "\r\n".join(lines).encode()
    return b"$%d\r\n%b\r\n" % (len(text), text)


@pytest.mark.parametrize(
    ("reply", "kind", "advice"),
    [
        (info("redis_version:6.2.14", "role:master"), ConfigurationError, "needs 7.0 or later"),
        (info("redis_version:7.0.15", "role:slave"), ConfigurationError, "name its primary"),
        (
            info("redis_version:7.0.15", "maxmemory_policy:allkeys-lru"),
            ConfigurationError,
            "?allow_eviction=allkeys-lru",
        ),
        (b"-NOPERM no permissions to run the 'info' command\r\n", ConfigurationError, "'info'"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", BackendUnavailable, "another protocol"),
    ],
)
def test_server_that_does_not_fit_is_told(
    reply: bytes, kind: type[AnyjobError], advice: str
) -> None:
    def answer(words: list[bytes]) -> bytes:
        return reply if words[0] == b"INFO" else b"$-1\r\n"

    with posing(answer) as impostor:
        error = opened_with_error(impostor.url)

    assert type(error) is kind
    assert advice in str(error)


def test_protocol_of_others_is_told_of_a_connection_too() -> None:
    with posing(lambda words: b"220 smtp.example ESMTP\r\n") as impostor:
        error = opened_with_error(impostor.url.replace("//", f"//:{PASSWORD}@"))

    assert type(error) is BackendUnavailable


@pytest.mark.parametrize("queue", ["a}b", "{a", "a*", "a\nb", "a\x00b", "", "é", "x" * 81])
def test_name_that_could_meet_another_is_refused(
    opened: Open, server: Running, job: MakeJob, queue: str
) -> None:
    backend = opened(server.url)
    for call in (
        lambda: backend.enqueue([job(), job(queue)]),
        lambda: backend.counts(queue),
        lambda: backend.pause(queue),
        lambda: backend.purge(queue, []),
        lambda: backend.get(queue, ["id"]),
        lambda: backend.cancel(queue, []),
        lambda: backend.revive(queue, []),
        lambda: backend.discard(queue, []),
    ):
        with pytest.raises(ConfigurationError, match="a queue's name"):
            call()

    assert backend.queues() == set()


def test_server_that_dawdles_at_every_step_has_one_deadline_for_all() -> None:
    ended = threading.Event()

    def answer(words: list[bytes]) -> bytes:
        ended.wait(0.9)
        return b"+OK\r\n"

    with posing(answer) as impostor:
        location = parse_url(impostor.url.replace("//", "//user:word@").replace("/0", "/1"))
        began = time.monotonic()
        with pytest.raises(BackendUnavailable, match="did not answer in time"):
            dial(location, 1.0)
        took = time.monotonic() - began
        ended.set()

    assert took < 1.7


def test_text_that_nobody_can_write_down_is_refused(backend: RedisBackend, job: MakeJob) -> None:
    store = backend.store()
    store.open()
    for call in (
        lambda: backend.get("mail", ["\udc80"]),
        lambda: backend.cancel("mail", ["\udc80"]),
        lambda: backend.enqueue([Envelope("\udc80", "mail", b"")]),
        lambda: store.claim([ClaimRequest("leader", "\udc80", 60)]),
    ):
        with pytest.raises(InvalidOption, match="UTF-8"):
            call()
    assert backend.enqueue([job()]) == [ACCEPTED]
    store.close()
