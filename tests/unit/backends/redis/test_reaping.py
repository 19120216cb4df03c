"""Maintenance beside consumers hard at work: it takes back what has lapsed, and nothing else."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

from anyjob.backends.redis import RedisBackend
from anyjob.conformance.clock import FakeClock
from anyjob.conformance.servers.own_process import Running
from anyjob.core.backend import Consumer, Counts, QueueShare
from anyjob.core.settlement import Answer, Complete
from anyjob.core.state import State
from tests.unit.backends.redis.conftest import MakeJob, Open, raw
from tests.waiting import until

JOBS = 6000
#: Taken by a consumer that never says anything of them.
LEFT = 200


class Crew:
    """Consumers in threads that fetch and settle until they are told to stop."""

    def __init__(self, backend: RedisBackend, size: int) -> None:
        self._stopping = threading.Event()
        self.delivered = Counter[tuple[str, int]]()
        self.answers = Counter[Answer]()
        self._guard = threading.Lock()
        self._threads = [
            threading.Thread(target=self._work, args=[backend, number]) for number in range(size)
        ]

    @contextmanager
    def at_work(self) -> Iterator[None]:
        for thread in self._threads:
            thread.start()
        try:
            yield
        finally:
            self._stopping.set()
            for thread in self._threads:
                thread.join()

    def _work(self, backend: RedisBackend, number: int) -> None:
        consumer = backend.consume([QueueShare("mail")], lease=60, worker=f"w{number}")
        while not self._stopping.is_set():
            leases = consumer.fetch(5, 0.05)
            consumer.settle([Complete(lease=lease) for lease in leases])
            self._note(consumer, Counter((lease.id, lease.redeliveries) for lease in leases))
        consumer.close(release=True)

    def _note(self, consumer: Consumer, delivered: Counter[tuple[str, int]]) -> None:
        answers = Counter(each.answer for each in consumer.flush(10))
        with self._guard:
            self.delivered += delivered
            self.answers += answers


@contextmanager
def keeping_house(backend: RedisBackend) -> Iterator[list[float]]:
    """Maintain twenty times a second; yields what each turn returned so far."""
    ended, turns = threading.Event(), list[float]()

    def keep() -> None:
        while not ended.wait(0.05):
            turns.append(backend.maintain(0.05))

    house = threading.Thread(target=keep)
    house.start()
    try:
        yield turns
    finally:
        ended.set()
        house.join()


def test_maintenance_beside_busy_consumers_takes_back_what_lapsed_alone(
    server: Running, opened: Open, job: MakeJob
) -> None:
    backend, keeper = opened(server.url), opened(server.url)
    left, jobs = [job() for _ in range(LEFT)], [job() for _ in range(JOBS)]
    backend.enqueue(left)
    gone = backend.consume([QueueShare("mail")], lease=0.5, worker="gone")
    assert len(gone.fetch(LEFT, 0)) == LEFT
    crew = Crew(backend, 2)
    with crew.at_work(), keeping_house(keeper) as turns:
        for first in range(0, JOBS, 500):
            backend.enqueue(jobs[first : first + 500])
        until(lambda: len(crew.delivered) == JOBS + LEFT and len(turns) > 10, timeout=60)
        until(lambda: backend.counts("mail") == Counts(0, 0, 0, 0))
    gone.close(release=False)

    once = {(each.id, 0): 1 for each in jobs} | {(each.id, 1): 1 for each in left}
    assert crew.delivered == once
    assert crew.answers == {Answer.DONE: JOBS + LEFT}
    records = backend.get("mail", [each.id for each in jobs])
    assert {record and record.state for record in records} == {State.SUCCEEDED}


def test_who_looks_brings_up_a_backlog_a_few_pages_at_a_time(
    spare: Running, namespace: str, job: MakeJob
) -> None:
    clock = FakeClock()
    backend = RedisBackend(spare.url, namespace=namespace, clock=clock)
    with closing(backend), closing(raw(spare)) as admin:
        backend.open()
        jobs = [job() for _ in range(JOBS)]
        for first in range(0, JOBS, 500):
            backend.enqueue(jobs[first : first + 500])
        consumer = backend.consume([QueueShare("mail")], lease=3, worker="gone")
        while consumer.fetch(1000, 0.0):
            pass
        consumer.close(release=False)
        looks: list[Callable[[], object]] = [
            lambda: backend.counts("mail"),
            lambda: backend.get("mail", [jobs[-1].id]),
            lambda: backend.browse("mail", State.LEASED, None, 10),
            lambda: backend.browse("mail", State.READY, None, 10),
            lambda: backend.cancel("mail", [jobs[-1].id]),
            lambda: backend.purge("mail", [State.READY]),
        ]
        for look in looks:
            backend.counts("mail")  # connects
            clock.advance(4)
            admin.config_resetstat()

            look()

            # 6000 lapsed leases are six pages, of which one script takes four.
            calls = admin.info("commandstats")["cmdstat_evalsha"]["calls"]
            assert calls >= 2, look
            counts = backend.counts("mail")
            assert counts.leased == 0
            again = backend.consume([QueueShare("mail")], lease=3, worker="gone")
            while again.fetch(1000, 0.0):
                pass
            again.close(release=False)
        assert backend.counts("mail") == Counts(0, 0, 0, 0)
