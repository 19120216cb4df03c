"""Jobs that cannot be run, or kill who runs them: they are put aside, and the queue goes on."""

from __future__ import annotations

import json
import signal
import time

from anyjob import State
from anyjob.core.envelope import Envelope
from tests.acceptance.conftest import Site

#: A body as another program might write it.
GOOD = {"v": 1, "id": "x", "task": "work", "args": {}, "enqueued_at": 1.0}

BURIED = {
    "garbage": b"\xff\xfe\x00 no job",
    "empty": b"",
    "no object": b"[1, 2, 3]",
    "cut off": json.dumps(GOOD).encode()[:-7],
    "wrong types": json.dumps(GOOD | {"priority": "high"}).encode(),
    "nan": json.dumps(GOOD | {"delay": float("nan")}).encode(),
    "nested": b'{"v":1,"id":"x","task":"work","enqueued_at":1,"args":' + b"[" * 100_000,
    "wrong arguments": json.dumps(GOOD | {"args": {"seconds": "soon"}}).encode(),
    "extra arguments": json.dumps(GOOD | {"args": {"hours": 1}}).encode(),
    "missing arguments": json.dumps(GOOD | {"task": "effect"}).encode(),
}
REASONS = {
    "wrong arguments": "arguments",
    "extra arguments": "arguments",
    "missing arguments": "arguments",
}


def store(site: Site, bodies: dict[str, bytes]) -> None:
    """Store bodies as they are, each under its name as the job's id."""
    site.app.backend.enqueue(
        [Envelope(name.replace(" ", "-"), "default", body) for name, body in bodies.items()]
    )


def test_broken_messages_are_buried_with_their_bytes_and_the_queue_drains(site: Site) -> None:
    store(site, BURIED)
    good = site.enqueue("work", 5)
    worker = site.worker("-c", "2")
    site.wait(site.settled, "the queue drains")

    assert set(good) == site.diary.ended()
    for name, body in BURIED.items():
        [record] = site.app.backend.get("default", [name.replace(" ", "-")])
        assert record is not None
        assert (record.state, record.attempts) == (State.DEAD, 0), name
        assert record.body == body
        assert record.reason == REASONS.get(name, "undecodable")
    assert worker.poll() is None
    assert "Traceback" not in site.log_of(worker)


def test_unknown_task_waits_for_its_grace_and_is_buried_then(site: Site) -> None:
    body = json.dumps(GOOD | {"task": "renamed"}).encode()
    store(site, {"early": body})
    good = site.enqueue("work", 3)
    site.worker(ANYJOB_UNKNOWN_TASK_GRACE="1.5")
    site.wait(lambda: set(good) <= site.diary.ended(), "the queue goes on")
    first = site.app.show("early")
    site.wait(site.settled, "the unknown job is buried")

    shown = site.app.show("early")

    assert first.state in {State.SCHEDULED, State.LEASED, State.READY}
    assert (shown.state, shown.reason, shown.attempts) == (State.DEAD, "unknown task", 0)
    assert shown.body == body


def test_newer_message_waits_for_a_newer_worker(site: Site) -> None:
    store(site, {"newer": json.dumps(GOOD | {"v": 2, "colour": "red"}).encode()})
    good = site.enqueue("work", 3)
    worker = site.worker()
    site.wait(lambda: set(good) <= site.diary.ended(), "the queue goes on")
    site.wait(lambda: site.app.show("newer").state is State.SCHEDULED, "it is put off")

    shown = site.app.show("newer")

    assert (shown.attempts, shown.redeliveries) == (0, 0)
    assert worker.poll() is None


def test_expired_job_ends_without_a_run(site: Site) -> None:
    store(site, {"late": json.dumps(GOOD | {"expires": 2.0}).encode()})
    site.worker()
    site.wait(lambda: site.app.get("late").status() is State.EXPIRED, "it has expired")

    assert site.diary.runs() == {}


def test_job_that_kills_its_workers_is_buried_and_takes_no_neighbour_along(site: Site) -> None:
    innocents = site.enqueue("work", 24, seconds=0.05)
    [killer] = site.enqueue("deadly")
    innocents += site.enqueue("work", 25, seconds=0.05)
    variables = {"ANYJOB_LEASE": "1", "ANYJOB_MAX_REDELIVERIES": "3"}
    deaths = 0
    worker = site.worker("-c", "8", **variables)
    until = time.monotonic() + 60
    while not site.settled():
        assert time.monotonic() < until
        if worker.poll() is not None:
            assert worker.returncode == -signal.SIGKILL
            deaths += 1
            worker = site.worker("-c", "8", **variables)
        time.sleep(0.02)

    shown = site.app.show(killer)
    runs = site.diary.runs()

    assert (shown.state, shown.reason, shown.attempts) == (State.DEAD, "poison", 0)
    assert deaths == len(runs[killer]) == 4
    assert set(innocents) <= site.diary.ended()
    # From the second death on the killer ran alone.
    assert max(run["redeliveries"] for job in innocents for run in runs[job]) <= 2
