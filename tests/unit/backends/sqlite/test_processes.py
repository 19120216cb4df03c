"""Several processes on one file."""

import json
import threading
from collections.abc import Callable

from anyjob.backends.sqlite import SQLiteBackend
from anyjob.core.backend import Consumer
from anyjob.core.settlement import Complete, Lease
from tests.unit.backends.sqlite.conftest import MakeJob, Start

Open = Callable[..., SQLiteBackend]

ENQUEUE = """
import sys, uuid
from anyjob.backends.sqlite import SQLiteBackend
from anyjob.core.envelope import Envelope
backend = SQLiteBackend(sys.argv[1]); backend.open()
for line in sys.stdin:
    backend.enqueue([Envelope(line.strip(), "mail", b"body")])
    print("stored", flush=True)
backend.close()
"""

DRAIN = """
import json, sys, time
from anyjob.backends.sqlite import SQLiteBackend
from anyjob.core.backend import QueueShare
from anyjob.core.settlement import Complete, Lease
backend = SQLiteBackend(sys.argv[1]); backend.open()
consumer = backend.consume([QueueShare("mail")], lease=60, worker="w")
print("ready", flush=True)
sys.stdin.readline()
seen = []
while leases := consumer.fetch(10, 0):
    seen += [(time.monotonic(), lease.id) for lease in leases]
    consumer.settle([Complete(lease=lease) for lease in leases])
consumer.close(release=True)
backend.close()
print(json.dumps(seen), flush=True)
"""

FILL = """
import sys, uuid
from anyjob.backends.sqlite import SQLiteBackend
from anyjob.core.envelope import Envelope
backend = SQLiteBackend(sys.argv[1]); backend.open()
print("ready", flush=True)
sys.stdin.readline()
stored = 0
for _ in range(int(sys.argv[2])):
    jobs = [Envelope(str(uuid.uuid4()), "mail", b"body") for _ in range(10)]
    stored += len(backend.enqueue(jobs))
backend.close()
print(stored, flush=True)
"""


def test_waiting_fetch_is_woken_by_another_process(
    consumer: Consumer, url: str, job: MakeJob, start: Start
) -> None:
    child = start(ENQUEUE, url)
    assert child.stdin is not None
    assert child.stdout is not None
    for _ in range(5):
        one = job()
        leases: list[Lease] = []
        waiting = threading.Thread(target=_fetch, args=[consumer, leases])
        waiting.start()

        child.stdin.write(one.id + "\n")
        child.stdin.flush()

        waiting.join(timeout=20)
        assert [lease.id for lease in leases] == [one.id]
        consumer.settle([Complete(lease=lease) for lease in leases])
        assert child.stdout.readline() == "stored\n"


def _fetch(consumer: Consumer, into: list[Lease]) -> None:
    into.extend(consumer.fetch(5, 60))


def test_waiting_get_is_ended_by_another_process(
    backend: SQLiteBackend, url: str, job: MakeJob, start: Start
) -> None:
    one = job()
    backend.enqueue([one])
    child = start(DRAIN, url)
    assert child.stdin is not None
    found: list[object] = []

    def wait() -> None:
        [record] = backend.get("mail", [one.id], wait=60)
        found.append(record and record.state.value)

    waiting = threading.Thread(target=wait)
    waiting.start()
    child.stdin.write("\n")
    child.stdin.flush()

    waiting.join(timeout=20)
    assert found == ["succeeded"]


def test_four_workers_share_a_file_without_a_job_lost_or_run_twice(
    backend: SQLiteBackend, url: str, job: MakeJob, start: Start
) -> None:
    jobs = [job() for _ in range(8000)]
    for first in range(0, len(jobs), 1000):
        backend.enqueue(jobs[first : first + 1000])
    workers = [start(DRAIN, url) for _ in range(4)]
    fillers = [start(FILL, url, 40) for _ in range(2)]
    for child in workers + fillers:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"

    for child in workers + fillers:
        assert child.stdin is not None
        child.stdin.write("\n")
        child.stdin.flush()
    outputs = [child.communicate(timeout=60)[0] for child in workers + fillers]

    seen: list[list[tuple[float, str]]] = [json.loads(output) for output in outputs[:4]]
    everything = [id for part in seen for _, id in part]
    assert [int(output) for output in outputs[4:]] == [400, 400]
    assert len(everything) == len(set(everything))
    assert {each.id for each in jobs} <= set(everything)
    counts = backend.counts("mail")
    assert len(everything) + counts.ready == 8800
    assert counts.leased == 0
    assert min(shares_while_all_work(seen)) >= 1 / 4 / 2


def shares_while_all_work(seen: list[list[tuple[float, str]]]) -> list[float]:
    """Each worker's part of what was fetched while all of them worked."""
    assert all(seen), "one of them got nothing at all"
    begin = max(part[0][0] for part in seen)
    end = min(part[-1][0] for part in seen)
    within = [sum(begin <= at <= end for at, _ in part) for part in seen]
    return [fetched / sum(within) for fetched in within]
