"""An app with several backends: each queue on its own, and one that is away keeps nobody off."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from anyjob import (
    App,
    BackendUnavailable,
    ConfigurationError,
    Draft,
    Event,
    Job,
    JobNotFound,
    Middleware,
    Rejected,
    State,
    UnsupportedCapability,
)
from anyjob.backends.memory import MemoryBackend
from anyjob.backends.registry import BACKENDS
from anyjob.core.draft import AnyDraft
from tests.unit.worker.several import EVERYTHING, Lined, Two

ROUTES = {"left": {"backend": "one"}, "right": {"backend": "two"}}


@pytest.fixture
def two(monkeypatch: pytest.MonkeyPatch) -> Iterator[Two]:
    monkeypatch.setitem(BACKENDS, "lined", f"{Lined.__module__}:Lined")
    made = Two()

    @made.app.task(queue="left")
    def left(number: int = 0) -> int:
        return number

    @made.app.task(queue="right")
    def right(number: int = 0) -> int:
        return -number

    yield made
    made.close()


def draft(two: Two, name: str, number: int = 0) -> Draft[int]:
    return two.app.tasks.get(name).job(number=number)


def test_each_queue_is_on_its_own_backend(two: Two) -> None:
    app = two.app
    jobs = [app.enqueue(draft(two, name)) for name in ("left", "right", "right")]

    assert app.backends == ("one", "two")
    assert [app.counts(queue).ready for queue in ("left", "right")] == [1, 2]
    assert [app.at("one").backend.counts(q).ready for q in ("left", "right")] == [1, 0]
    assert app.queues() == {"left", "right"}
    assert [job.status() for job in jobs] == [State.READY] * 3


def test_looking_and_acting_goes_where_the_queue_is(two: Two) -> None:
    app = two.app
    job, other = (app.enqueue(draft(two, "right", number)) for number in (1, 2))

    app.pause("right")
    assert app.paused() == app.at("two").paused() == {"right"}
    app.resume("right")
    assert job.cancel()
    assert app.show(job.id, "right").state is State.CANCELLED
    assert [view.id for view in app.browse("right", State.READY).jobs] == [other.id]
    assert app.get(other.id, "right") == other
    with pytest.raises(JobNotFound):
        app.show(other.id, "left")
    assert app.purge("right") == 1


def test_dead_letters_are_revived_where_they_are(two: Two) -> None:
    @two.app.task(queue="right")
    def fail(number: int) -> int:
        if number < 0:
            raise ValueError(number)
        return number

    job = fail.enqueue(-1)
    two.app.worker(burst=True).run()
    assert two.app.counts("right").dead == 1
    assert two.app.revive("right", [job.id], edit={job.id: {"number": 3}}) == 1
    with two.app.worker():
        assert job.result(timeout=30) == 3
    assert two.app.discard("right", None) == 0


async def _from_a_loop(two: Two) -> list[int]:
    jobs = [await two.app.aenqueue(draft(two, name, 5)) for name in ("left", "right")]
    return [await job.aresult(timeout=30) for job in jobs]


def test_event_loop_enqueues_and_waits_on_each(two: Two) -> None:
    import asyncio

    with two.app.worker():
        assert asyncio.run(_from_a_loop(two)) == [5, -5]


def test_one_that_is_away_keeps_no_job_from_the_other(two: Two) -> None:
    two.two.cut = set(EVERYTHING)

    with pytest.raises(BackendUnavailable):
        two.app.enqueue(draft(two, "right"))
    two.app.enqueue(draft(two, "left"))

    assert two.app.counts("left").ready == 1


def test_lot_that_spans_both_says_of_each_job_what_became_of_it(two: Two) -> None:
    two.app.open()
    two.two.cut = {"enqueue"}
    drafts = [draft(two, name, n) for n in range(3) for name in ("left", "right")]

    with pytest.raises(BackendUnavailable) as caught:
        two.app.enqueue_many(drafts)

    error = caught.value
    assert [isinstance(answer, Job) for answer in error.stored] == [True, False] * 3
    assert [answer is error for answer in error.stored] == [False, True] * 3
    assert "stored 3 jobs before this" in error.__notes__[0]
    assert two.app.counts("left").ready == 3


def test_lot_for_one_that_cannot_be_opened_says_so_and_others_are_stored(two: Two) -> None:
    two.two.cut = set(EVERYTHING)

    with pytest.raises(BackendUnavailable) as caught:
        two.app.enqueue_many([draft(two, "right"), draft(two, "left")])

    refused, stored = caught.value.stored
    assert refused is caught.value
    assert isinstance(stored, Job)


def test_nothing_is_drawn_after_the_lot_that_failed(two: Two) -> None:
    two.app.open()
    two.one.cut = {"enqueue"}
    drawn: list[int] = []

    def drafts() -> Iterator[AnyDraft]:
        for number in range(5000):
            drawn.append(number)
            yield draft(two, "left" if number < 500 else "right", number)

    with pytest.raises(BackendUnavailable) as caught:
        two.app.enqueue_many(drafts())

    assert len(drawn) == 1000  # one is planned while the one before it is stored
    assert len(caught.value.stored) == 500


def test_many_jobs_span_both_in_their_order(two: Two) -> None:
    names = ["left", "right"]
    answers = two.app.enqueue_many(draft(two, names[n % 2], n) for n in range(1300))

    assert [isinstance(answer, Job) and answer.queue for answer in answers] == names * 650
    ready = [view.id for view in two.app.browse("right", State.READY, limit=1000).jobs]
    assert ready == [a.id for a in answers if isinstance(a, Job) and a.queue == "right"]


class Swap(Middleware):
    """Sends jobs to the other queue."""

    def enqueue(self, draft: AnyDraft) -> AnyDraft | Rejected:
        return draft.using(queue={"left": "right", "right": "left"}[draft.task.queue])


def test_middleware_that_changes_the_queue_changes_the_backend() -> None:
    app = App(
        backends={"one": "memory://", "two": "memory://other"},
        queues=ROUTES,
        middleware=[Swap()],
    )

    @app.task(queue="left")
    def work() -> None: ...

    with app:
        job = work.enqueue()
        [other] = app.enqueue_many([work.job()])

        assert (job.queue, app.at("two").counts("right").ready) == ("right", 2)
        assert isinstance(other, Job)


class Plain(MemoryBackend):
    """Knows no unique keys."""

    capabilities = replace(MemoryBackend.capabilities, product="plain", unique="none")


@pytest.fixture
def uneven(monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    """An app of which only one backend has unique keys."""
    monkeypatch.setitem(BACKENDS, "plain", f"{__name__}:Plain")
    monkeypatch.setattr(Plain, "__init__", _as_memory)
    app = App(backends={"one": "memory://", "two": "plain://"}, queues=ROUTES)
    yield app
    app.close()


def _as_memory(self: Plain, url: str, **rest: object) -> None:
    MemoryBackend.__init__(self, "memory://of-the-uneven", **rest)  # type: ignore[arg-type]


def test_what_a_task_needs_is_asked_of_the_backend_of_its_queue(uneven: App) -> None:
    @uneven.task(queue="left", unique_key="k")
    def left() -> None: ...

    uneven.open()

    @uneven.task(queue="right", unique_key="k")
    def right() -> None: ...

    left.enqueue()
    with pytest.raises(UnsupportedCapability, match="plain cannot do"):
        right.enqueue()
    with pytest.raises(UnsupportedCapability, match="task 'left' needs a unique key"):
        left.using(queue="right").enqueue()
    uneven.close()
    with pytest.raises(UnsupportedCapability, match="task 'right'"):
        uneven.open()
    assert not any(uneven.at(name).is_open for name in uneven.backends)


def test_middleware_needs_what_it_needs_of_each(uneven: App) -> None:
    class Unique(Middleware):
        needs = ("unique",)

    app = App(
        backends={"one": "memory://", "two": "plain://"}, queues=ROUTES, middleware=[Unique()]
    )
    with pytest.raises(UnsupportedCapability, match="middleware Unique"):
        app.open()


def test_doctor_examines_each_with_its_own_tasks(uneven: App) -> None:
    @uneven.task(queue="left", unique_key="k", timeout=5)
    def left() -> None: ...

    reports = {name: uneven.at(name).doctor() for name in uneven.backends}

    planned = {name: [p.need.asked_by for p in r.plan] for name, r in reports.items()}
    assert "task 'left'" in planned["one"]
    assert planned["two"] == []
    assert all(
        "children-across-backends" in [f.id for f in report.findings] for report in reports.values()
    )


def test_app_with_several_has_no_single_backend(two: Two) -> None:
    with pytest.raises(ConfigurationError, match=r"several backends: one, two; .*\.at\('one'\)"):
        _ = two.app.backend
    with pytest.raises(ConfigurationError, match="no backend 'tow'; did you mean 'two'"):
        two.app.at("tow")
    with pytest.raises(ConfigurationError, match="has only one"), App("memory://") as single:
        single.at("one")


def test_queue_that_is_routed_nowhere_is_refused_before_any_effect(two: Two) -> None:
    @two.app.task
    def stray() -> None: ...

    for ask in (stray.enqueue, two.app.open, lambda: two.app.counts("default")):
        with pytest.raises(ConfigurationError, match=r"'default' is routed to no backend; add qu"):
            ask()
    assert two.one.tried == two.two.tried == {}


def test_queues_that_are_not_routed_go_to_the_plain_backend() -> None:
    app = App(
        "memory://plain", backends={"fast": "memory://fast"}, queues={"mail": {"backend": "fast"}}
    )

    @app.task
    def work() -> None: ...

    @app.task(queue="mail")
    def send() -> None: ...

    with app:
        work.enqueue()
        send.enqueue()
        assert app.backends == ("default", "fast")
        assert app.at("default").queues() == {"default"}
        assert app.at("fast").queues() == {"mail"}


def test_store_of_each_holds_the_progress_of_its_jobs(tmp_path: Path) -> None:
    from anyjob import current_job

    app = App(
        backends={
            "one": {"url": "memory://", "store": f"sqlite:///{tmp_path / 'one.db'}"},
            "two": {"url": f"sqlite:///{tmp_path / 'two.db'}"},
        },
        queues=ROUTES,
    )

    def work() -> None:
        current_job().progress(3, 4)

    left = app.task(name="left", queue="left")(work)
    right = app.task(name="right", queue="right")(work)
    with app:
        jobs = [left.enqueue(), right.enqueue()]
        app.worker(burst=True).run()
        found = [job.progress() for job in jobs]

    assert [one and (one.done, one.total) for one in found] == [(3, 4)] * 2


def test_word_of_a_backend_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Event] = []
    reports = []
    monkeypatch.setattr(
        MemoryBackend, "subscribe", lambda _, report: reports.append(report), raising=True
    )
    monkeypatch.setitem(BACKENDS, "memory", "anyjob.backends.memory:MemoryBackend")
    app = App(backends={"one": "memory://", "two": "memory://other"}, queues=ROUTES)
    app.on("*", told.append)
    with app:
        for report in reports:
            report("store.down", {"error": "away"})

    assert {(event.name, event.backend) for event in told} == {
        ("store.down", "one"),
        ("store.down", "two"),
    }


def test_repr_names_the_backends_and_no_secret() -> None:
    url = "redis://u:correct-horse@localhost:1/0"
    app = App(backends={"one": url, "two": "memory://"}, queues=ROUTES)

    assert repr(app) == "<App not read yet with 0 tasks>"
    assert app.backends
    assert repr(app) == "<App one, two with 0 tasks>"
    with pytest.raises(BackendUnavailable) as caught:
        app.counts("left")
    assert "correct-horse" not in "".join(map(str, (caught.value, app.config, app.at("one"))))
