"""How many no-op jobs a second go through an emulated SQS, and by how many requests, beside a bare
loop of boto3 in batches of ten.

Both sides ask the same emulator from as many threads at once, and the bare one writes the body of a
job as anyjob does. The emulator is one process of Python, and takes the larger part of the time on
both sides; requests a job are what AWS counts, and depend on no machine.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

from anyjob.backends.sqs.crew import ABREAST
from anyjob.core.backend import QueueSpec
from benchmarks.emulated_sqs import client, emulated_sqs, requests
from benchmarks.processes import worker
from benchmarks.result import Result, Target
from benchmarks.settings import Settings
from benchmarks.sides import Figures, Rounds, Side, alternate_leniently, column, fitting, ratios
from benchmarks.spin import awake
from benchmarks.stage import stage_at

#: Jobs whose cycle tells how many fill the wanted time.
TRIAL = 2_000
_TEN = 10
_BODY = '{"v":1,"id":"01890a5d-ac96-774b-bcce-b302099a8057","task":"noop","args":{"number":12345}}'


def measure(settings: Settings) -> list[Result]:
    """Send and run by anyjob and by the bare loop in turn."""
    with emulated_sqs(settings.folder) as url, awake():
        given = {"url": url, "folder": str(settings.folder)}
        ours = fitting(Side("benchmarks.sqs_cycle:ours", given), settings, TRIAL)
        bare = Side("benchmarks.sqs_cycle:bare", {"url": url, "jobs": ours.arguments["jobs"]})
        rounds = alternate_leniently({"ours": ours, "bare": bare}, settings.rounds, ())
    return [_beside_bare(rounds), *_asked(rounds), _rate(rounds)]


def _beside_bare(rounds: Rounds) -> Result:
    ours, bare = (column(rounds.figures[side], "rate") for side in ("ours", "bare"))
    return Result(
        measurement="sqs_cycle",
        figure="by_bare",
        title="SQS (emulated): `enqueue_many`, then one worker process, of the rate of a bare"
        f" boto3 loop by ten in {ABREAST} threads",
        unit="x",
        samples=ratios(ours, bare),
        target=Target("least", 0.7),
    )


def _asked(rounds: Rounds) -> list[Result]:
    return [
        Result(
            measurement="sqs_cycle",
            figure=figure,
            title=f"SQS (emulated): requests a job, {what}",
            unit="requests",
            samples=column(rounds.figures["ours"], figure),
            target=Target("most", most),
        )
        for figure, what, most in (
            ("stored_by", "in `enqueue_many`", 0.11),
            ("drained_by", "in a drain by one worker", 0.25),
        )
    ]


def _rate(rounds: Rounds) -> Result:
    figures = rounds.figures["ours"]
    return Result(
        measurement="sqs_cycle",
        figure="rate",
        title="SQS (emulated): `enqueue_many`, then one worker process",
        unit="jobs/s",
        samples=column(figures, "rate"),
        seen={name: column(figures, name) for name in ("stored", "drained")},
    )


def ours(url: str, folder: str, jobs: int) -> Figures:
    """Store so many jobs by `enqueue_many`, and run them by a worker process."""
    with stage_at(Path(folder), jobs, url, namespace=f"b{uuid4().hex}") as here:
        here.app.backend.declare([QueueSpec("default")])
        before = requests(url)
        began = time.perf_counter()
        here.fill("noop", jobs)
        stored = time.perf_counter() - began
        between = requests(url)
        with worker(here.variables, log=here.log) as process:
            here.slots.wait_for(jobs, timeout=600, worker=process)
            drained = here.slots.drain()["seconds"]
            after = requests(url)
    return {
        "rate": jobs / (stored + drained),
        "stored": stored,
        "drained": drained,
        "stored_by": (between - before) / jobs,
        "drained_by": (after - between) / jobs,
    }


def bare(url: str, jobs: int) -> Figures:
    """Send so many messages by ten, then receive and delete them by ten."""
    asked = client(url)
    queue = asked.create_queue(QueueName=f"b{uuid4().hex}")["QueueUrl"]
    lots = iter(range(jobs // _TEN))
    left = iter(range(jobs // _TEN))
    entries = [{"Id": str(number), "MessageBody": _BODY} for number in range(_TEN)]

    def send() -> None:
        for _ in lots:
            asked.send_message_batch(QueueUrl=queue, Entries=entries)

    def receive() -> None:
        for _ in left:
            found: list[Any] = []
            while not found:
                reply = asked.receive_message(QueueUrl=queue, MaxNumberOfMessages=_TEN)
                found = reply.get("Messages", [])
            receipts = [
                {"Id": str(number), "ReceiptHandle": each["ReceiptHandle"]}
                for number, each in enumerate(found)
            ]
            asked.delete_message_batch(QueueUrl=queue, Entries=receipts)

    began = time.perf_counter()
    _abreast(send)
    _abreast(receive)
    seconds = time.perf_counter() - began
    return {"rate": jobs / seconds, "seconds": seconds}


def _abreast(work: Callable[[], None]) -> None:
    threads = [threading.Thread(target=work) for _ in range(ABREAST)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
