"""From a draft to what is stored: everything that is accepted can be read by a worker."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from anyjob import (
    App,
    ConfigurationError,
    EnqueueRejected,
    InvalidOption,
    PayloadTooLarge,
    Rejected,
    Retry,
)
from anyjob.core.durations import MAX_SPAN
from anyjob.core.middleware import Middleware
from anyjob.core.wire import Body, decode_body
from tests.unit.core.cases import StandingClock


class Forgetful(Middleware):
    def enqueue(self, draft: Any) -> Any:
        draft.using(priority=9)


class Tenants(Middleware):
    options: ClassVar[Mapping[str, type]] = {"tenant": str, "every": timedelta}

    def enqueue(self, draft: Any) -> Any:
        if draft.options.get("tenant") == "nobody":
            return Rejected("nobody may not")
        return draft.using(headers={"tenant": draft.options.get("tenant", "house")})


def stored(jobs: App, job_id: str) -> Body:
    record = jobs.backend.get("default", [job_id])[0]
    assert record is not None
    assert record.body is not None
    return decode_body(record.body)


far = st.floats(1.0, MAX_SPAN)
instants = st.datetimes(datetime(1971, 1, 1), timezones=st.just(UTC))
options = st.fixed_dictionaries(
    {},
    optional={
        "priority": st.integers(0, 9),
        "timeout": st.none() | far,
        "expires": far | instants,
        "unique_key": st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=256),
        "headers": st.dictionaries(
            st.text(st.characters(exclude_categories=["Cs"]), max_size=200),
            st.text(st.characters(exclude_categories=["Cs"]), max_size=200),
        ),
        "keep": st.floats(0, MAX_SPAN),
        "retry": st.none()
        | st.builds(
            Retry,
            max_attempts=st.integers(1, 1_000_000),
            initial=st.floats(0, MAX_SPAN),
            cap=far,
            budget=st.none() | far,
            factor=st.floats(1, 100),
            jitter=st.sampled_from([True, False, "full", "equal"]),
        ),
        "every": st.timedeltas(timedelta(0), timedelta(days=999)),
    },
)
waits = st.fixed_dictionaries({"delay": far}) | st.fixed_dictionaries({"run_at": instants})


@given(options, waits | st.just({}))
def test_whatever_is_accepted_can_be_read_by_a_worker(
    how: dict[str, Any], wait: dict[str, Any]
) -> None:
    with App("memory://", middleware=[Tenants()]) as jobs:

        @jobs.task
        def task(text: str) -> None: ...

        try:
            job = task.using(**how, **wait).enqueue("x")
        except InvalidOption as error:
            if "before it is ready" not in str(error):
                raise
            reject()

        body = stored(jobs, job.id)

    assert body.id == job.id
    assert bytes(body.args) == b'{"text":"x"}'
    assert body.priority == how.get("priority", 5)
    assert body.unique_key == how.get("unique_key")
    assert body.delay == wait.get("delay")


def test_middleware_that_forgets_to_return_the_draft_is_named() -> None:
    with App("memory://", middleware=[Forgetful()]) as jobs:
        task = jobs.task(name="a")(lambda: None)

        with pytest.raises(
            ConfigurationError, match="^expected enqueue\\(\\) of Forgetful to return"
        ):
            task.enqueue()


def test_middleware_may_refuse_a_job_with_a_reason() -> None:
    with App("memory://", middleware=[Tenants()]) as jobs:
        task = jobs.task(name="a")(lambda: None)

        with pytest.raises(EnqueueRejected, match="nobody may not"):
            task.using(tenant="nobody").enqueue()
        answers = jobs.enqueue_many([task.using(tenant="nobody").job(), task.job()])

    assert answers[0] == Rejected("nobody may not")
    assert not isinstance(answers[1], Rejected)


def test_what_is_no_job_is_refused_with_what_to_write() -> None:
    with App("memory://") as jobs:
        task: Any = jobs.task(name="a")(lambda: None)

        with pytest.raises(ConfigurationError, match="^expected a job, such as task.job"):
            jobs.enqueue(task)
        wrong: Any = [task, task.job(), 5]
        answers = jobs.enqueue_many(wrong)

    assert [isinstance(answer, Rejected) for answer in answers] == [True, False, True]


@pytest.mark.parametrize("over", [-1, 0, 1])
def test_job_at_the_limit_is_stored_and_one_byte_more_is_not(over: int) -> None:
    with App("memory://", max_payload=10_000, clock=StandingClock()) as jobs:

        @jobs.task
        def task(text: str) -> None: ...

        empty = len(jobs.backend.get("default", [task.enqueue("").id])[0].body)  # type: ignore[arg-type, union-attr]
        text = "x" * (10_000 - empty + over)

        def enqueue() -> None:
            job = task.enqueue(text)
            assert stored(jobs, job.id).task == "task"

        if over > 0:
            with pytest.raises(PayloadTooLarge, match="more than the 10000 that are allowed"):
                enqueue()
            assert jobs.counts().ready == 1
        else:
            enqueue()
