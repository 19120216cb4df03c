"""What subscribers hear, and what stands in the log: one line an attempt, text or JSON."""

import json
import logging
import threading

import pytest

from anyjob import (
    App,
    ConfigurationError,
    Discard,
    Event,
    JobDead,
    Retry,
    Snooze,
    State,
    current_job,
)
from anyjob.worker.log import JsonFormatter, Log, TextFormatter
from tests.unit.worker.clocks import ShiftedClock
from tests.unit.worker.conftest import Heard
from tests.waiting import until

AT_ONCE = Retry(max_attempts=2, initial=0, jitter=False)


def attempts_in(records: list[logging.LogRecord]) -> list[dict[str, object]]:
    """The facts of the lines that tell of an attempt."""
    facts = [getattr(record, "facts", {}) for record in records]
    return [each for each in facts if str(each.get("event")).startswith("job.")]


def test_each_end_of_an_attempt_is_one_event_and_one_line(
    jobs: App, heard: Heard, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "anyjob.worker")

    @jobs.task(retry=AT_ONCE)
    def run(how: str) -> str:
        match how, current_job().attempt:
            case "fails", _:
                raise ValueError("no such order")
            case "fails once", 1:
                raise ValueError("not yet")
            case "snoozes", _ if jobs.show(current_job().id).note.history == ():
                raise Snooze(0.001)
            case "discards", _:
                raise Discard("unwanted")
        return how

    expected = {
        "succeeds": ["job.succeeded"],
        "fails once": ["job.retried", "job.succeeded"],
        "fails": ["job.retried", "job.dead"],
        "snoozes": ["job.released", "job.succeeded"],
        "discards": ["job.cancelled"],
    }
    made = {how: run.enqueue(how) for how in expected}
    with jobs.worker():
        until(lambda: all(job.status().is_terminal for job in made.values()))

    lines = attempts_in(caplog.records)
    for how, names in expected.items():
        id = made[how].id
        assert [event.name for event in heard if event.job == id] == names, how
        assert [line["event"] for line in lines if line["job"] == id] == names, how
    for event in heard.named("job.succeeded"):
        assert (event.task, event.queue) == ("run", "default")
        assert event.facts["seconds"] >= 0
    assert heard.named("job.dead")[0].facts["error"] == "ValueError: no such order"
    assert (heard[0].name, heard[-1].name) == ("worker.started", "worker.stopped")


def test_line_of_an_attempt_says_what_happens_next(
    jobs: App, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "anyjob.worker")

    @jobs.task(retry=Retry(max_attempts=2, backoff="fixed", initial=60, jitter=False))
    def fail() -> None:
        raise OSError("the supplier is closed")

    @jobs.task
    def die() -> None:
        raise ValueError("no such order")

    retried, dead = fail.enqueue(), die.enqueue()
    with jobs.worker():
        until(lambda: retried.status() is State.SCHEDULED and dead.status() is State.DEAD)

    said = [record.getMessage() for record in caplog.records]
    [of_retried] = [line for line in said if retried.id in line]
    [of_dead] = [line for line in said if dead.id in line]
    assert "failed and runs again in 60.0 s: OSError: the supplier is closed" in of_retried
    assert "was buried (failed); `anyjob dead` shows and revives it" in of_dead
    assert "(attempt 1, " in of_dead


def test_subscriber_hears_one_event_a_family_or_all(jobs: App) -> None:
    one, family, all_of_them = Heard(), Heard(), Heard()
    jobs.on("job.succeeded", one.append)
    jobs.on("worker.*", family.append)

    @jobs.on("*")
    def listen(event: Event) -> None:
        all_of_them.append(event)

    @jobs.task
    def work() -> None: ...

    with jobs.worker():
        work.enqueue().result(timeout=30)

    assert one.names == ["job.succeeded"]
    assert family.names == ["worker.started", "worker.stopped"]
    assert all_of_them.names == ["worker.started", "job.succeeded", "worker.stopped"]


def test_event_that_does_not_exist_is_refused_with_a_suggestion(jobs: App) -> None:
    with pytest.raises(ConfigurationError, match=r"no event 'job\.suceeded'.*job\.succeeded"):
        jobs.on("job.suceeded", print)


@pytest.mark.parametrize("error", [ValueError, SystemExit])
def test_subscriber_that_raises_disturbs_nobody(
    jobs: App, heard: Heard, error: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    @jobs.on("*")
    def broken(_: Event) -> None:
        raise error("no telemetry today")

    later = Heard()
    jobs.on("*", later.append)

    @jobs.task
    def work() -> str:
        return "done"

    with jobs.worker() as worker:
        assert work.enqueue().result(timeout=30) == "done"

    assert worker.exit_code == 0
    assert later.names == heard.names == ["worker.started", "job.succeeded", "worker.stopped"]
    assert "a subscriber of job.succeeded failed" in caplog.text


def test_jump_of_the_wall_clock_is_told(
    timed: App, clock: ShiftedClock, caplog: pytest.LogCaptureFixture
) -> None:
    heard = Heard()
    timed.on("clock.jump", heard.append)

    with timed.worker():
        clock.jump(-3600)
        until(lambda: heard)

    assert round(heard[0].facts["seconds"]) == -3600
    assert "the wall clock jumped by -3600.0 s" in caplog.text


def record(message: str, **extra: object) -> logging.LogRecord:
    made = logging.LogRecord("anyjob.worker", logging.INFO, "f.py", 1, message, (), None)
    made.__dict__.update(extra)
    return made


def test_json_line_is_one_object_with_stable_keys() -> None:
    facts = {"event": "job.dead", "job": "j-1", "attempt": 2, "error": "über\nzwei\x1b[31m"}

    line = JsonFormatter(str).format(record("send j-1 was buried", facts=facts))

    assert "\n" not in line
    read = json.loads(line)
    assert read["at"].endswith("Z")
    del read["at"]
    assert read == {
        "level": "info",
        "logger": "anyjob.worker",
        "message": "send j-1 was buried",
        **facts,
    }


def test_json_line_carries_a_traceback_and_values_that_json_lacks() -> None:
    try:
        raise ValueError("broken")
    except ValueError as error:
        info = (type(error), error, error.__traceback__)
    made = record("died", facts={"where": threading.Lock})
    made.exc_info = info

    read = json.loads(JsonFormatter(str).format(made))

    assert "ValueError: broken" in read["traceback"]
    assert "lock" in read["where"].lower()


def test_text_line_shows_no_control_character() -> None:
    line = TextFormatter(str).format(record("an \x1b[31merror\x07 from a task"))

    assert line.endswith("INFO    an \\x1b[31merror\\x07 from a task")


def test_lines_are_masked_before_they_are_quoted() -> None:
    def redact(text: str) -> str:
        return text.replace('pass"word', "***").replace("4711", "***")

    facts = {"error": 'pass"word', "parts": ['a pass"word', None], "count": 4711}

    line = JsonFormatter(redact).format(record('got pass"word', facts=facts))
    text = TextFormatter(redact).format(record('got pass"word'))

    read = json.loads(line)
    assert (read["message"], read["error"], read["parts"]) == ("got ***", "***", ["a ***", None])
    assert read["count"] == 4711
    assert text.endswith("got ***")


def test_one_cause_writes_one_line_a_second(
    clock: ShiftedClock, caplog: pytest.LogCaptureFixture
) -> None:
    log = Log(clock.monotonic)

    for _ in range(100):
        log.trouble("backend.down", "the backend is down")
        log.trouble("other", "something else")
    clock.advance(1.0)
    log.trouble("backend.down", "the backend is still down")

    assert [r.getMessage() for r in caplog.records] == [
        "the backend is down",
        "something else",
        "the backend is still down",
    ]


def test_success_is_not_even_put_together_when_nobody_listens(
    jobs: App, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "anyjob.worker")

    @jobs.task
    def work() -> None: ...

    @jobs.task
    def fail() -> None:
        raise ValueError

    with jobs.worker():
        work.enqueue().result(timeout=30)
        with pytest.raises(JobDead):
            fail.enqueue().result(timeout=30)

    assert [facts["event"] for facts in attempts_in(caplog.records)] == ["job.dead"]


def test_subscribers_are_called_one_after_the_other(jobs: App) -> None:
    inside: list[int] = []
    most: list[int] = []

    @jobs.on("*")
    def listen(_: Event) -> None:
        inside.append(1)
        most.append(len(inside))
        threading.Event().wait(0.002)
        inside.pop()

    @jobs.task
    def work() -> None: ...

    with jobs.worker(), jobs.worker():
        for job in [work.enqueue() for _ in range(20)]:
            job.result(timeout=30)

    assert len(most) == 24
    assert set(most) == {1}
