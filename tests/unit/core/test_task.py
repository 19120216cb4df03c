"""Tasks, drafts, options through `using`, job handles and the registry."""

import functools
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyjob.core.attempt import Attempt, Progress, current_job, enter
from anyjob.core.draft import AnyDraft, Draft
from anyjob.core.errors import (
    ConfigurationError,
    InvalidArguments,
    InvalidOption,
    Misuse,
    TaskNotFound,
)
from anyjob.core.job import Job
from anyjob.core.retry import Retry
from anyjob.core.state import TERMINAL, WAITING, State
from anyjob.core.task import AsyncTask, BoundTask, Registry, SyncTask, Task
from anyjob.core.wire import Body
from tests.unit.core.cases import NOW, StandingClock, lease


class Door:
    """An app's side of a task and of a job handle: it remembers what it was asked."""

    def __init__(self, declared: Mapping[str, Any] | None = None, **defaults: Any) -> None:
        self.declared_options: Mapping[str, type] = declared or {}
        self.defaults: Mapping[str, Any] = defaults
        self.drafts: list[AnyDraft] = []
        self.asked: list[Any] = []

    def enqueue(self, draft: Draft[Any]) -> Job[Any]:
        self.drafts.append(draft)
        return Job(self, "id-1", "default", draft.task.name)

    async def aenqueue(self, draft: Draft[Any]) -> Job[Any]:
        return self.enqueue(draft)

    def result_of(self, job: Job[Any], timeout: float | None) -> Any:
        self.asked.append((job, timeout))
        return 5

    async def aresult_of(self, job: Job[Any], timeout: float | None) -> Any:
        return self.result_of(job, timeout)

    def status_of(self, job: Job[Any]) -> State:
        return State.READY

    def progress_of(self, job: Job[Any]) -> Progress | None:
        return Progress(1.0)

    def cancel_job(self, job: Job[Any]) -> bool:
        return True


def make(
    function: Callable[..., Any],
    door: Door | None = None,
    *,
    name: str | None = None,
    aliases: Any = (),
    kind: type[Task[..., Any]] = SyncTask,
    **options: Any,
) -> Task[..., Any]:
    return kind(door or Door(), function, name=name, aliases=aliases, options=options)


def receipt(order_id: int, *, copy: bool = False) -> str:
    """Sends a receipt."""
    return f"{order_id} {copy}"


async def fetch(base: str) -> str:
    return base


def arguments_of(draft: AnyDraft) -> bytes:
    return draft.task.signature.encode(draft.arguments)


def test_task_looks_like_its_function() -> None:
    task = make(receipt, queue="mail")

    assert (task.name, task.__name__, task.__doc__) == ("receipt", "receipt", "Sends a receipt.")
    assert task.__wrapped__ is receipt


def test_tasks_show_their_name_and_options_but_no_value_that_may_be_secret() -> None:
    task = make(receipt, queue="mail")

    assert repr(task) == "<Task receipt>"
    assert repr(task.using(priority=9, headers={"key": "x"})) == (
        "<Task receipt using priority, headers>"
    )
    assert repr(task.using()) == "<Task receipt using nothing>"


def test_calling_a_task_runs_the_function_here_and_now() -> None:
    assert make(receipt)(42, copy=True) == "42 True"
    assert make(receipt, kind=Task)(42) == "42 False"


def test_calling_an_async_task_gives_its_coroutine() -> None:
    coroutine = make(fetch, kind=AsyncTask)("EUR")

    with pytest.raises(StopIteration) as ended:
        coroutine.send(None)
    assert ended.value.value == "EUR"


class Caller:
    async def __call__(self) -> None: ...


@pytest.mark.parametrize(
    ("function", "is_async"),
    [
        (receipt, False),
        (fetch, True),
        (functools.partial(fetch, "EUR"), True),
        (Caller(), True),
        (functools.partial(receipt, 42), False),
    ],
)
def test_task_knows_whether_it_is_async(function: Callable[..., Any], is_async: bool) -> None:
    assert make(function, name="a").is_async is is_async


def test_name_and_aliases_are_checked() -> None:
    task = make(receipt, name="shop.receipt", aliases=["receipt", "old-receipt"])

    assert (task.name, task.aliases) == ("shop.receipt", ("receipt", "old-receipt"))
    with pytest.raises(ConfigurationError, match="expected a task's name"):
        make(receipt, name="")
    with pytest.raises(ConfigurationError, match="expected a task's name"):
        make(receipt, aliases=["no spaces"])
    with pytest.raises(ConfigurationError, match="to be a list of names, got 'old'"):
        make(receipt, aliases="old")


@pytest.mark.parametrize("function", [lambda: None, functools.partial(receipt, 1)])
def test_function_without_a_name_needs_one(function: Callable[..., Any]) -> None:
    with pytest.raises(ConfigurationError, match="has no name of its own; pass name="):
        make(function)


def test_generator_is_no_task() -> None:
    def counting() -> Any:
        yield 1

    async def streaming() -> Any:
        yield 1

    for function in (counting, streaming):
        with pytest.raises(ConfigurationError, match="a task returns its result, it does not yiel"):
            make(function)


def test_method_is_no_task() -> None:
    class Shop:
        def sell(self, item: str) -> None: ...

        @classmethod
        def close(cls) -> None: ...

    wrapped = functools.wraps(Shop.sell)(lambda *args: None)

    for function in (Shop.sell, wrapped, Shop.__dict__["close"].__func__):
        with pytest.raises(
            ConfigurationError, match="is a method of class 'Shop', and a job carri"
        ):
            make(function)


def test_what_needs_no_instance_is_a_task_wherever_it_stands() -> None:
    class Shop:
        def sell(self, item: str) -> str:
            return item

        @classmethod
        def name(cls) -> str:
            return cls.__name__

        @staticmethod
        def open(hour: int) -> int:
            return hour

    def about(self: str) -> str:
        return self

    assert make(Shop().sell)("tea") == "tea"
    assert make(Shop.name)() == "Shop"
    assert make(Shop.open)(8) == 8
    assert make(about)("me") == "me"


def test_wrong_option_fails_at_decoration() -> None:
    with pytest.raises(InvalidOption, match="did you mean 'timeout'"):
        make(receipt, timeot=5)
    with pytest.raises(InvalidOption, match="expected priority"):
        make(receipt, priority=10)
    with pytest.raises(InvalidOption, match="expected delay or run_at, got both"):
        make(receipt, delay=5, run_at=datetime(2030, 1, 1, tzinfo=UTC))


def test_job_holds_bound_arguments_and_stores_nothing() -> None:
    door = Door()
    draft = make(receipt, door).job(42, copy=True)

    assert arguments_of(draft) == b'{"order_id":42,"copy":true}'
    assert (dict(draft.options), draft.transaction, door.drafts) == ({}, None, [])


def test_job_with_wrong_arguments_is_refused() -> None:
    task = make(receipt)

    for wrong in ({}, {"order_id": 1, "x": 2}):
        with pytest.raises(InvalidArguments, match="^task 'receipt' takes"):
            task.job(**wrong)


def test_enqueue_hands_the_draft_to_the_app() -> None:
    door = Door()
    task = make(receipt, door)

    job = task.enqueue(42)

    assert (job.id, job.task, job.queue, job.created) == ("id-1", "receipt", "default", True)
    assert arguments_of(door.drafts[0]) == b'{"order_id":42}'


def finished(coroutine: Any) -> Any:
    """Return what a coroutine returns that waits for nothing."""
    with pytest.raises(StopIteration) as ended:
        coroutine.send(None)
    return ended.value.value


def test_aenqueue_hands_the_same_draft_to_the_app() -> None:
    door = Door()

    assert finished(make(receipt, door).aenqueue(42)).id == "id-1"
    assert finished(make(receipt, door).using(priority=9).aenqueue(43)).id == "id-1"
    assert [arguments_of(draft) for draft in door.drafts] == [
        b'{"order_id":42}',
        b'{"order_id":43}',
    ]


def test_using_gives_options_to_its_jobs_alone() -> None:
    door = Door()
    task = make(receipt, door, priority=3)

    bound = task.using(delay=timedelta(hours=1), priority=9, transaction="connection")
    bound.enqueue(42)

    assert isinstance(bound, BoundTask)
    draft = door.drafts[0]
    assert draft.options == {"delay": 3600.0, "priority": 9}
    assert draft.transaction == "connection"
    assert task.options_for(draft.options).priority == 9
    assert task.options_for({}).priority == 3
    assert bound.job(43).options == draft.options


def test_using_checks_every_option_at_once() -> None:
    task = make(receipt)

    with pytest.raises(InvalidOption, match="did you mean 'priority'"):
        task.using(prioriti=9)
    with pytest.raises(InvalidOption, match="expected delay to be 0 s or more"):
        task.using(delay=-1)


def test_using_none_is_said_and_not_left_out() -> None:
    task = make(receipt, retry=Retry(), timeout=30)

    options = task.options_for(task.using(retry=None, timeout=None).job(42).options)

    assert (options.retry, options.timeout) == (None, None)


def test_options_of_call_task_and_app_are_merged() -> None:
    door = Door({"tenant": str}, keep=60.0, priority=1, tenant="house")
    task = make(receipt, door, priority=2)

    assert (task.options.keep, task.options.priority, task.queue) == (60.0, 2, "default")
    assert task.extra_options == {"tenant": "house"}
    call = task.using(priority=3, tenant="acme").job(42).options
    assert task.options_for(call).extra == {"tenant": "acme"}


def test_draft_gets_further_options_from_middleware() -> None:
    task = make(receipt, Door({"tenant": str}))
    draft = task.using(delay=60, priority=3).job(42)

    later = draft.using(run_at=datetime(2030, 1, 1, tzinfo=UTC), tenant="acme")
    sooner = later.using(delay=5)
    calmer = draft.using(priority=1)

    assert dict(later.options) == {
        "priority": 3,
        "run_at": datetime(2030, 1, 1, tzinfo=UTC),
        "tenant": "acme",
    }
    assert dict(sooner.options) == {"priority": 3, "delay": 5.0, "tenant": "acme"}
    assert dict(calmer.options) == {"delay": 60.0, "priority": 1}
    assert dict(draft.options) == {"delay": 60.0, "priority": 3}
    with pytest.raises(InvalidOption):
        draft.using(tenat="acme")


def test_task_in_a_class_body_stays_a_task() -> None:
    class Shop:
        send = make(receipt)

    assert isinstance(Shop().send, Task)
    assert Shop().send.name == "receipt"


def test_registry_finds_a_task_by_name_and_alias() -> None:
    registry = Registry()
    task = make(receipt, aliases=["old"], queue="mail")

    registry.add(task)

    assert registry.get("receipt") is registry.get("old") is registry.find("old") is task
    assert registry.find("other") is None
    assert "old" in registry
    assert "other" not in registry
    assert (list(registry), len(registry), registry.queues()) == ([task], 1, {"mail"})


def test_one_name_twice_is_an_error_that_names_both() -> None:
    registry = Registry()
    registry.add(make(receipt, aliases=["old"]))

    for clash in (
        make(fetch, name="receipt"),
        make(fetch, name="old"),
        make(fetch, aliases=["old"]),
    ):
        with pytest.raises(ConfigurationError, match=r"two tasks are named .*receipt and .*fetch"):
            registry.add(clash)
    assert len(registry) == 1
    assert registry.find("fetch") is None


def test_unknown_task_is_an_error_with_a_suggestion() -> None:
    registry = Registry()
    registry.add(make(receipt))

    with pytest.raises(
        TaskNotFound, match=r"no task 'reciept' is registered; did you mean 'receip"
    ):
        registry.get("reciept")
    with pytest.raises(TaskNotFound) as refused:
        registry.get("x" * 1_000_000)
    assert len(str(refused.value)) < 300


def job(door: Door | None = None, **fields: Any) -> Job[Any]:
    plain: dict[str, Any] = {"id": "id-1", "queue": "mail", "task": "receipt"}
    return Job(door or Door(), **(plain | fields))


def test_handle_asks_the_app() -> None:
    door = Door()
    handle = job(door)

    assert handle.result(timeout=timedelta(seconds=5)) == 5
    assert handle.result() == 5
    assert finished(handle.aresult(2)) == 5
    assert door.asked == [(handle, 5.0), (handle, None), (handle, 2.0)]
    assert handle.status() is State.READY
    assert handle.progress() == Progress(1.0)
    assert handle.cancel()


def test_handle_refuses_a_timeout_that_is_no_span() -> None:
    with pytest.raises(InvalidOption, match="^expected timeout to be"):
        job().result(timeout=-1)


def test_handles_of_one_job_are_equal() -> None:
    assert job() == job(task="")
    assert len({job(), job(created=False)}) == 1
    assert job() != job(queue="other")
    assert job() != "id-1"
    assert repr(job()) == "<Job receipt id-1 in mail>"
    assert repr(job(task="")) == "<Job ? id-1 in mail>"


def attempt(door: Door | None = None, *, report: Any = None, **body: Any) -> Attempt:
    message = Body(v=1, id="a", task="receipt", args=msgspec.Raw(b"{}"), enqueued_at=NOW, **body)
    task = make(receipt, door, timeout=30)
    return Attempt(task, lease(redeliveries=2), message, StandingClock(), report)


def test_attempt_shows_its_job() -> None:
    one = attempt(headers={"a": "b"})

    assert one.id == one.idempotency_key == lease().id
    assert (one.queue, one.priority, one.attempt, one.redeliveries) == ("default", 5, 1, 2)
    assert (one.headers, one.enqueued_at) == ({"a": "b"}, NOW)
    assert repr(one) == f"<Attempt 1 of receipt {lease().id}>"


@pytest.mark.parametrize(("own", "timeout"), [(None, 30.0), (5.0, 5.0), (0.0, None)])
def test_timeout_of_the_job_goes_before_its_tasks(own: float | None, timeout: float | None) -> None:
    assert attempt(timeout=own).timeout == timeout


def test_attempt_tells_what_is_left_of_its_time() -> None:
    one = attempt()
    assert one.remaining() is None

    one.deadline = one.clock.monotonic() + 5
    assert one.remaining() == 5
    one.deadline = one.clock.monotonic() - 5
    assert one.remaining() == 0


def test_attempt_is_cancelled_once_it_has_a_reason_to_end() -> None:
    one = attempt()
    assert not one.cancelled

    one.ending = "time limit"
    assert one.cancelled


def test_progress_is_reported_with_a_bounded_text() -> None:
    reported: list[Any] = []
    one = attempt(report=lambda *said: reported.append(said))

    one.progress(1, 10, "x" * 500)
    attempt().progress(1)

    assert reported == [(one, Progress(1, 10, "x" * 200, NOW))]


def test_options_of_a_message_are_typed_as_they_were_declared() -> None:
    door = Door({"every": timedelta, "tenant": str}, tenant="house")

    assert attempt(door).options == {"tenant": "house"}
    assert attempt(door, options={"every": "PT60S", "gone": [1]}).options == {
        "tenant": "house",
        "every": timedelta(minutes=1),
        "gone": [1],
    }
    with pytest.raises(InvalidOption, match="^expected every to be timedelta, got "):
        attempt(door, options={"every": "x", "tenant": 5}).options  # noqa: B018 - reading raises


def test_current_job_is_the_attempt_that_runs_here() -> None:
    one = attempt()

    with pytest.raises(Misuse, match="call it inside a task"):
        current_job()
    from contextvars import copy_context

    def inside() -> Attempt:
        enter(one)
        return current_job()

    assert copy_context().run(inside) is one
    with pytest.raises(Misuse):
        current_job()


def test_states_are_waiting_leased_or_terminal() -> None:
    assert {state for state in State if state.is_terminal} == TERMINAL
    assert set(State) == TERMINAL | WAITING | {State.LEASED}
    assert not TERMINAL & WAITING


@given(
    st.text() | st.sampled_from(["os.system", "builtins.eval", "__import__", "receipt.__class__"])
)
def test_name_of_a_message_is_looked_up_and_never_imported(name: str) -> None:
    registry = Registry()
    registry.add(make(receipt))
    before = set(sys.modules)

    found = registry.find(name)

    assert (found is not None) == (name == "receipt")
    assert set(sys.modules) == before
