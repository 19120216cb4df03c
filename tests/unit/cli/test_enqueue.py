"""`anyjob enqueue`."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from anyjob import App
from anyjob.core.state import State
from tests.unit.cli.conftest import Cli, Shop

APP = ("--app", "shop:jobs")


def type_in(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))


def test_enqueue_stores_one_job_and_shows_its_id(app: App, cli: Cli) -> None:
    ran = cli("enqueue", "send", "to=ann", "copies=2", *APP)

    ((id, task, queue, created),) = ran.rows
    assert (ran.code, task, queue, created) == (0, "send", "mail", "true")
    assert app.show(id, "mail").arguments == '{"to":"ann","copies":2}'


def test_enqueue_takes_a_task_by_its_alias(app: App, cli: Cli) -> None:
    assert cli("enqueue", "send_letter", "to=ann", *APP).code == 0


def test_enqueue_takes_arguments_as_json_by_name_or_position(app: App, cli: Cli) -> None:
    cli("enqueue", "send", '{"to": "ann", "copies": 2}', *APP)
    cli("enqueue", "send", '["bob"]', *APP)

    jobs = app.browse("mail", State.READY).jobs
    assert [job.arguments for job in jobs] == ['{"to":"ann","copies":2}', '{"to":"bob"}']


def test_options_say_how_the_job_is_treated(app: App, cli: Cli) -> None:
    ran = cli(
        "enqueue",
        "send",
        "to=ann",
        *("--in", "1h", "--queue", "default", "--priority", "9"),
        *("--unique-key", "k", "--expires", "2h"),
        "--json",
        *APP,
    )

    (item,) = json.loads(ran.out)["items"]
    job = app.show(item["id"], "default")
    assert (job.state, job.priority, job.unique_key) == (State.SCHEDULED, 9, "k")
    assert job.due is not None
    assert job.enqueued_at is not None
    assert job.expires is not None
    assert job.due - job.enqueued_at == pytest.approx(3600, abs=1)
    assert job.expires - job.enqueued_at == pytest.approx(7200, abs=1)


def test_instant_says_when_it_runs(app: App, cli: Cli) -> None:
    ran = cli("enqueue", "send", "to=ann", "--at", "2100-01-01T00:00+01:00", *APP)

    due = app.show(ran.rows[0][0], "mail").due
    assert due == datetime(2099, 12, 31, 23, tzinfo=UTC).timestamp()


def test_second_job_of_a_unique_key_is_the_first(app: App, cli: Cli) -> None:
    first = cli("enqueue", "send", "to=ann", "--unique-key", "k", *APP)
    second = cli("enqueue", "send", "to=bob", "--unique-key", "k", *APP)

    assert second.rows[0][0] == first.rows[0][0]
    assert second.rows[0][3] == "false"


@pytest.mark.parametrize(
    ("words", "code", "problem"),
    [
        (["sned", "to=ann"], 5, "no task 'sned' is registered"),
        (["send"], 2, "missing required field `to`"),
        (["send", "to=ann", "nope=1"], 2, "unknown field `nope`"),
        (["send", "to=ann", "copies=many"], 2, "takes (to: str"),
        (["send", "ann"], 2, "expected arguments as name=value"),
        (["send", "to=ann", "--priority", "10"], 2, "10 is not in the range 0<=x<=9"),
        (["send", "to=ann", "--in", "-1"], 2, "expected a span"),
        (["send", "to=ann", "--at", "2030-01-01T00:00"], 2, "expected a time with its offset"),
        (
            ["send", "to=ann", "--in", "1", "--at", "2100-01-01T00:00Z"],
            2,
            "expected delay or run_at",
        ),
        (["send", "to=ann", "--in", "1h", "--expires", "5m"], 2, "before it is ready"),
        (["send", "to=ann", "--queue", "mial"], 5, "there is no queue 'mial'"),
        (["send", "to=ann", "--queue", "a b"], 5, "there is no queue 'a b'"),
        (["send", "to=ann", "--unique-key", ""], 2, "expected unique_key to be text"),
        (["send", "-", "--wait"], 2, "--wait goes with one job"),
    ],
)
def test_wrong_job_is_refused_before_any_effect(
    app: App, cli: Cli, words: list[str], code: int, problem: str
) -> None:
    ran = cli("enqueue", *words, *APP)

    assert (ran.code, ran.out) == (code, "")
    assert problem in ran.err
    assert [app.counts(queue).ready for queue in ("default", "mail")] == [0, 0]


def test_payload_over_the_limit_is_exit_code_1(
    app: App, cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ran = cli("enqueue", "send", f"to={'x' * (1024 * 1024)}", *APP)

    assert ran.code == 1
    assert app.counts("mail").ready == 0


def test_memory_is_refused_because_the_job_would_be_lost(shop: Shop, cli: Cli) -> None:
    ran = cli("enqueue", "send", "to=ann", *APP)

    assert ran.code == 4
    assert "its jobs live in the program that enqueues them" in ran.err
    assert "to do: use sqlite:///jobs.db" in ran.err


def test_wait_shows_the_result(app: App, cli: Cli) -> None:
    with app.worker():
        ran = cli("enqueue", "send", "to=ann", "--wait", "--json", *APP)

    (item,) = json.loads(ran.out)["items"]
    assert (ran.code, item["result"]) == (0, "ann x 1")


def test_wait_that_is_too_long_is_exit_code_7(app: App, cli: Cli) -> None:
    ran = cli("enqueue", "send", "to=ann", "--wait-timeout", "0.05", *APP)

    assert ran.code == 7
    assert "had not ended after 0.05 s" in ran.err
    assert app.counts("mail").ready == 1


def test_lines_of_input_become_jobs(app: App, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [json.dumps({"to": f"r{n}"}) for n in range(1500)] + ["", '["last"]']
    type_in(monkeypatch, "\n".join(lines))

    ran = cli("enqueue", "send", "-", "--priority", "7", *APP)

    assert ran.code == 0
    assert len(ran.rows) == 1501
    assert "enqueued 1,501 jobs of send" in ran.err
    assert app.counts("mail").ready == 1501
    last = app.show(ran.rows[-1][0], "mail")
    assert (last.arguments, last.priority) == ('{"to":"last"}', 7)


def test_line_that_is_no_job_stops_and_says_how_to_go_on(
    app: App, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    type_in(monkeypatch, '{"to": "a"}\n{"to": "b"}\n{"to": 3}\n{"to": "d"}\n')

    ran = cli("enqueue", "send", "-", *APP)

    assert ran.code == 2
    assert len(ran.rows) == app.counts("mail").ready == 2
    assert "error: line 3 is no job: " in ran.err
    assert "go on with: tail -n +3 FILE | anyjob enqueue send -" in ran.err


def test_refused_jobs_of_a_stream_are_told_and_the_rest_is_stored(
    app: App, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    big = json.dumps({"to": "x" * (1024 * 1024)})
    type_in(monkeypatch, f'{{"to": "a"}}\n{big}\n{{"to": "c"}}\n')

    ran = cli("enqueue", "send", "-", *APP)

    assert ran.code == 1
    assert app.counts("mail").ready == len(ran.rows) == 2
    assert "refused: " in ran.err
    assert "error: 1 job refused\nto do: correct them and send them again" in ran.err


def test_stream_that_is_interrupted_says_how_far_it_got(app: App, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "anyjob", "enqueue", "send", "-", *APP],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parents[3])},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdin
        process.stdin.write('["ann"]\n' * 1500)
        process.stdin.flush()
        deadline = time.monotonic() + 20
        while app.counts("mail").ready < 1000 and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    finally:
        process.kill()
        process.wait()

    assert process.returncode == 130
    assert "1,000 jobs stored before this, of the lines up to 1000" in err
    assert app.counts("mail").ready == 1000


def test_empty_input_is_no_job(app: App, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    type_in(monkeypatch, "")

    assert cli("enqueue", "send", "-", *APP)[:2] == (0, "")
