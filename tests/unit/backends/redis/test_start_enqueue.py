"""A lot is prepared while the server works on the last; whatever happens between loses nothing."""

import contextlib
import time
from collections.abc import Callable, Iterator

import pytest
import redis

from anyjob import App
from anyjob.backends.redis import RedisBackend
from anyjob.conformance.servers.own_process import Running
from anyjob.core.envelope import ACCEPTED, Duplicate
from anyjob.core.errors import BackendUnavailable, EnqueueUncertain, Misuse, PayloadTooLarge
from tests.unit.backends.redis.conftest import MakeJob, Open, raw

LOT = 500


@pytest.fixture
def app(server: Running, namespace: str) -> Iterator[App]:
    app = App(server.url, namespace=namespace)
    app.task(count)
    yield app
    app.close()


def count(number: int) -> None:
    """What the jobs are of; nobody runs them."""


def drawn(app: App, most: int, before: Callable[[int], None]) -> Iterator[object]:
    for number in range(most):
        before(number)
        yield app.tasks.get("count").job(number)


def test_first_lot_is_with_the_server_while_the_second_is_drawn(
    app: App, admin: redis.Redis, namespace: str
) -> None:
    seen: list[int] = []

    def look(number: int) -> None:
        if number == LOT:
            deadline = time.monotonic() + 10
            while not admin.hlen(f"{namespace}:{{default}}:jobs") and time.monotonic() < deadline:
                time.sleep(0.01)
            seen.append(admin.hlen(f"{namespace}:{{default}}:jobs"))

    answers = app.enqueue_many(drawn(app, 2 * LOT + 1, look))  # type: ignore[arg-type]

    assert seen == [LOT]
    assert len({answer.id for answer in answers}) == 2 * LOT + 1  # type: ignore[union-attr]
    assert app.counts().ready == 2 * LOT + 1


def test_lots_keep_their_order(app: App, admin: redis.Redis, namespace: str) -> None:
    answers = app.enqueue_many(drawn(app, 3 * LOT, lambda _: None))  # type: ignore[arg-type]

    lined_up = admin.lrange(f"{namespace}:{{default}}:r5", 0, -1)
    assert [id.decode() for id in lined_up] == [answer.id for answer in answers]  # type: ignore[union-attr]


def test_generator_that_fails_is_told_of_the_lot_that_was_under_way(app: App) -> None:
    def fail(number: int) -> None:
        if number == LOT + 100:
            raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more") as raised:
        app.enqueue_many(drawn(app, 3 * LOT, fail))  # type: ignore[arg-type]

    assert len(raised.value.stored) == LOT  # type: ignore[attr-defined]
    assert app.counts().ready == LOT


def test_connections_that_are_cut_meanwhile_double_and_lose_nothing(
    app: App, admin: redis.Redis
) -> None:
    def cut(number: int) -> None:
        if number % 100 == 50:
            admin.client_kill_filter(_type="normal", skipme=True)

    answers = app.enqueue_many(drawn(app, 4 * LOT, cut))  # type: ignore[arg-type]

    assert len({answer.id for answer in answers}) == 4 * LOT  # type: ignore[union-attr]
    assert app.counts().ready == 4 * LOT


def test_start_returns_before_the_server_answers(
    spare: Running, opened: Open, job: MakeJob
) -> None:
    backend = opened(spare.url)
    one = job()
    backend.enqueue([job()])

    spare.freeze()
    finish = backend.start_enqueue([one])
    spare.thaw()

    assert finish() == [ACCEPTED]
    assert backend.start_enqueue([one])() == [Duplicate(one.id)]
    assert backend.start_enqueue([])() == []


def test_answer_that_is_lost_is_uncertain_when_it_is_waited_for(
    spare: Running, opened: Open, job: MakeJob
) -> None:
    backend = opened(spare.url)
    backend.enqueue([job()])
    spare.freeze()
    finish = backend.start_enqueue([job()])
    spare.kill()

    with pytest.raises(EnqueueUncertain):
        finish()
    with pytest.raises(BackendUnavailable):
        backend.start_enqueue([job()])


def test_refusals_come_before_anything_is_sent(backend: RedisBackend, job: MakeJob) -> None:
    with pytest.raises(PayloadTooLarge):
        backend.start_enqueue([job(body=bytes(65 * 1024 * 1024))])
    backend.close()
    with pytest.raises(Misuse):
        backend.start_enqueue([job()])


def test_close_ends_what_was_begun(spare: Running, opened: Open, job: MakeJob) -> None:
    backend = opened(spare.url)
    backend.enqueue([job()])
    spare.freeze()
    finish = backend.start_enqueue([job()])

    backend.close()

    with pytest.raises(Misuse):
        finish()


def test_connection_is_used_again(server: Running, backend: RedisBackend, job: MakeJob) -> None:
    with contextlib.closing(raw(server)) as admin:
        backend.enqueue([job()])
        before = len(admin.client_list())
        for _ in range(20):
            assert backend.start_enqueue([job()])() == [ACCEPTED]

        assert len(admin.client_list()) <= before
