"""One worker on several backends: one pool of slots, and one that is away delays no other."""

import threading
from collections.abc import Callable, Iterator

import pytest

from anyjob import App, BackendUnavailable, ConfigurationError, State
from anyjob.backends.registry import BACKENDS
from anyjob.core.backend import QueueShare
from anyjob.core.settlement import Abandon
from tests.unit.worker.conftest import Heard
from tests.unit.worker.several import EVERYTHING, Lined, Two
from tests.waiting import until


@pytest.fixture
def two(monkeypatch: pytest.MonkeyPatch) -> Iterator[Two]:
    monkeypatch.setitem(BACKENDS, "lined", f"{Lined.__module__}:Lined")
    made = Two()
    yield made
    made.close()


@pytest.fixture
def told(two: Two) -> Heard:
    events = Heard()
    two.app.on("*", events.append)
    return events


class Counted:
    """Tasks on both queues that hold their slots until they may go."""

    def __init__(self, app: App) -> None:
        self.go = threading.Event()
        self.running = self.most = 0
        self._lock = threading.Lock()
        self.left = app.task(name="hold_left", queue="left")(self._hold())
        self.right = app.task(name="hold_right", queue="right")(self._hold())

    def _hold(self) -> Callable[[], None]:
        def hold() -> None:
            with self._lock:
                self.running += 1
                self.most = max(self.most, self.running)
            self.go.wait(30)
            with self._lock:
                self.running -= 1

        return hold


def test_jobs_of_both_run_and_events_name_the_backend(two: Two, told: Heard) -> None:
    @two.app.task(queue="left")
    def left() -> str:
        return "l"

    @two.app.task(queue="right")
    async def right() -> str:
        return "r"

    with two.app.worker():
        jobs = [left.enqueue(), right.enqueue()]
        results = [job.result(timeout=30) for job in jobs]
        until(lambda: len(told.named("job.succeeded")) == 2)

    assert results == ["l", "r"]
    assert {(e.queue, e.backend) for e in told.named("job.succeeded")} == {
        ("left", "one"),
        ("right", "two"),
    }
    assert [event.backend for event in told.named("worker.started")] == [""]


def test_one_that_is_away_delays_no_job_of_the_other(two: Two, told: Heard) -> None:
    @two.app.task(queue="left")
    def left() -> str:
        return "l"

    @two.app.task(queue="right")
    def right() -> str:
        return "r"

    with two.app.worker():
        before = right.enqueue()
        before.result(timeout=30)
        # It takes its time, too, as one does that does not answer.
        two.two.cut = set(EVERYTHING - {"close"})
        two.two.delays = dict.fromkeys(EVERYTHING, 1.0)
        until(lambda: told.named("backend.down"))
        tried = two.two.tried["fetch"]
        for _ in range(100):
            assert left.enqueue().result(timeout=30) == "l"
        # 100 jobs, one after the other, in less than a few of its turns.
        assert two.two.tried["fetch"] <= tried + 3
        with pytest.raises(BackendUnavailable):
            right.enqueue()
        two.two.cut, two.two.delays = set(), {}
        until(lambda: told.named("backend.up"))
        assert right.enqueue().result(timeout=30) == "r"

    down, up = told.named("backend.down"), told.named("backend.up")
    assert [event.backend for event in (*down, *up)] == ["two", "two"]


def test_one_without_jobs_leaves_every_slot_to_the_other(two: Two) -> None:
    tasks = Counted(two.app)
    with two.app.worker(concurrency=3):
        held = [tasks.left.enqueue() for _ in range(3)]
        until(lambda: tasks.running == 3, "for all slots")
        tasks.go.set()
        for job in held:
            job.result(timeout=30)


def test_both_share_the_slots_and_neither_starves(two: Two) -> None:
    app, order = two.app, list[str]()

    @app.task(queue="left")
    def left() -> None:
        order.append("left")

    @app.task(queue="right")
    def right() -> None:
        order.append("right")

    app.enqueue_many(left.job() for _ in range(400))
    app.enqueue_many(right.job() for _ in range(400))
    app.worker(concurrency=1, burst=True).run()

    assert (order.count("left"), order.count("right")) == (400, 400)
    # The second half of one does not wait for the whole of the other.
    assert {"left", "right"} <= set(order[:600])
    assert order[:400].count("left") < 400 or order[400:].count("right") < 400


def test_no_more_run_at_once_than_there_are_slots(two: Two) -> None:
    tasks = Counted(two.app)
    held = [task.enqueue() for _ in range(6) for task in (tasks.left, tasks.right)]
    with two.app.worker(concurrency=4):
        until(lambda: tasks.running == 4)
        # What is leased beyond the slots goes back.
        until(
            lambda: (
                sum((two.app.counts(q).leased or 0) for q in ("left", "right")) == 4
                and tasks.running == 4
            )
        )
        tasks.go.set()
        for job in held:
            job.result(timeout=30)

    assert tasks.most == 4


def test_one_that_is_away_at_the_start_is_worked_on_once_it_is_there(two: Two, told: Heard) -> None:
    @two.app.task(queue="left")
    def left() -> str:
        return "l"

    @two.app.task(queue="right")
    def right() -> str:
        return "r"

    two.two.cut = set(EVERYTHING)
    worker = two.app.worker()
    with worker:
        assert left.enqueue().result(timeout=30) == "l"
        until(lambda: told.named("backend.down"))
        assert [ground.name for ground in worker.grounds] == ["one"]
        two.two.cut = set()
        assert right.enqueue().result(timeout=30) == "r"
        assert [ground.name for ground in worker.grounds] == ["one", "two"]

    assert {event.backend for event in told if event.name.startswith("backend.")} == {"two"}


def test_one_that_is_slow_to_open_holds_up_no_start(two: Two) -> None:
    @two.app.task(queue="left")
    def left() -> str:
        return "l"

    @two.app.task(queue="right")
    def right() -> str:
        return "r"

    two.two.delays = {"open": 5.0}
    worker = two.app.worker()
    assert [ground.name for ground in worker.grounds] == ["one"]
    with worker:
        assert left.enqueue().result(timeout=30) == "l"
        assert [ground.name for ground in worker.grounds] == ["one"]
        until(lambda: len(worker.grounds) == 2)
        assert right.enqueue().result(timeout=30) == "r"


def test_lines_of_jobs_and_troubles_name_the_backend(
    two: Two, caplog: pytest.LogCaptureFixture
) -> None:
    @two.app.task(queue="right")
    def right() -> None: ...

    caplog.set_level("INFO", "anyjob.worker")
    with two.app.worker():
        right.enqueue().result(timeout=30)
        two.two.cut = {"fetch"}
        until(lambda: any("fetch failed" in line for line in caplog.messages))
        two.two.cut = set()
    facts = [getattr(record, "facts", {}) for record in caplog.records]

    assert {(one["event"], one["backend"]) for one in facts if "backend" in one} >= {
        ("job.succeeded", "two"),
        ("backend.down", "two"),
    }
    assert any(line.startswith("two: fetch failed") for line in caplog.messages)


def test_worker_without_any_backend_is_refused(two: Two) -> None:
    two.one.cut = two.two.cut = set(EVERYTHING)

    with pytest.raises(BackendUnavailable):
        two.app.worker()


def test_worker_of_one_backends_queues_does_without_the_other(two: Two) -> None:
    @two.app.task(queue="left")
    def left() -> str:
        return "l"

    job = left.enqueue()
    two.two.cut = set(EVERYTHING)
    worker = two.app.worker(queues=["left"], burst=True)

    assert worker.run() == 0
    assert job.status() is State.SUCCEEDED
    assert "open" not in two.two.tried


def test_worker_on_a_queue_that_is_routed_nowhere_is_refused(two: Two) -> None:
    with pytest.raises(ConfigurationError, match="queue 'middle' is routed to no backend"):
        two.app.worker(queues=["middle"])


def test_stopping_drains_both_and_waits_for_none_that_is_away(two: Two, told: Heard) -> None:
    tasks = Counted(two.app)
    worker = two.app.worker(grace=20, lease=2)
    worker.start()
    held = [tasks.left.enqueue(), tasks.right.enqueue()]
    until(lambda: tasks.running == 2)
    stopper = threading.Thread(target=worker.stop)
    stopper.start()
    tasks.go.set()
    stopper.join(30)

    assert not stopper.is_alive()
    assert [job.status() for job in held] == [State.SUCCEEDED] * 2
    assert worker.exit_code == 0


def test_suspect_of_one_begins_alone_among_both(two: Two) -> None:
    tasks, begun, go = Counted(two.app), threading.Event(), threading.Event()

    @two.app.task(queue="left")
    def suspect() -> None:
        begun.set()
        go.wait(30)

    job = suspect.enqueue()
    consumer = two.app.at("one").backend.consume([QueueShare("left")], lease=30, worker="that dies")
    for _ in range(2):
        consumer.settle([Abandon(lease=lease) for lease in consumer.fetch(10, 5)])
        consumer.flush(5)
    consumer.close(release=True)
    with two.app.worker(concurrency=4):
        assert begun.wait(30)
        other = tasks.right.enqueue()
        fetches = two.two.tried.get("fetch", 0)
        # Whatever its fetcher had under way is over, and the job waits.
        until(lambda: other.status() is State.READY)
        assert two.two.tried.get("fetch", 0) <= fetches + 1
        assert tasks.running == 0
        go.set()
        tasks.go.set()
        job.result(timeout=30)
        other.result(timeout=30)
