"""Killed around a commit: a job is stored, leased and settled whole or not at all."""

import subprocess
import sys
from collections.abc import Callable

import pytest

from anyjob.backends.sqlite import SQLiteBackend
from anyjob.core.backend import QueueShare
from anyjob.core.envelope import Envelope
from anyjob.core.failpoints import FAILPOINTS
from anyjob.core.settlement import Complete, Lease
from tests.unit.backends.sqlite.conftest import MakeJob

Open = Callable[..., SQLiteBackend]

#: Enqueues a job, leases another one and completes it with a child, armed to die on the way.
LIFE = """
import sys
from anyjob.backends.sqlite import SQLiteBackend
from anyjob.core import failpoints
from anyjob.core.backend import QueueShare
from anyjob.core.envelope import Envelope
from anyjob.core.settlement import Complete
url, where, first, second, child = sys.argv[1:]
backend = SQLiteBackend(url); backend.open()
backend.enqueue([Envelope(first, "mail", b"first")])
failpoints.arm(where + ":kill")
backend.enqueue([Envelope(second, "print", b"second")])
consumer = backend.consume([QueueShare("mail")], lease=1, worker="w")
[lease] = consumer.fetch(1, 0)
consumer.settle([Complete(lease=lease, then=(Envelope(child, "print", b"child"),))])
consumer.flush(5)
"""

#: How often the first job's lease was lost, None if it is over, and which of the others are ready.
LEFT: dict[str, tuple[int | None, set[str]]] = {
    "sqlite.enqueue.before_commit": (0, set()),
    "sqlite.enqueue.after_commit": (0, {"second"}),
    "sqlite.claim.before_commit": (0, {"second"}),
    "sqlite.claim.after_commit": (1, {"second"}),
    "sqlite.children.before": (1, {"second"}),
    "sqlite.children.after": (1, {"second"}),
    "sqlite.settle.before_commit": (1, {"second"}),
    "sqlite.settle.after_commit": (None, {"second", "child"}),
}


def test_every_failpoint_of_the_backend_is_tried() -> None:
    assert set(LEFT) == {name for name in FAILPOINTS if name.startswith("sqlite.")}


@pytest.mark.parametrize("where", sorted(LEFT))
def test_kill_at_a_failpoint_leaves_no_half(
    url: str, opened: Open, job: MakeJob, where: str
) -> None:
    first, second, child = job(), job(queue="print"), job(queue="print")

    died = subprocess.run(
        [sys.executable, "-c", LIFE, url, where, first.id, second.id, child.id],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )

    assert died.returncode == -9, died.stderr
    backend = opened(url)
    lost, ready = LEFT[where]
    left = ready if lost is None else ready | {"first"}
    again = backend.consume([QueueShare("mail"), QueueShare("print")], lease=30, worker="w")
    leases: list[Lease] = []
    while len(leases) < len(left) and (some := again.fetch(10, 5)):
        leases += some
    names = {first.id: "first", second.id: "second", child.id: "child"}
    assert {names[lease.id] for lease in leases} == left
    assert [lease.redeliveries for lease in leases if lease.id == first.id] == (
        [] if lost is None else [lost]
    )
    assert {lease.attempt for lease in leases} == {1}
    again.settle([Complete(lease=lease) for lease in leases])
    assert {settled.answer.value for settled in again.flush(5)} == {"done"}
    assert [type(receipt).__name__ for receipt in backend.enqueue([first])] == ["Duplicate"]


def test_completed_job_and_its_child_are_stored_together(
    url: str, opened: Open, job: MakeJob
) -> None:
    backend = opened(url)
    parent, child = job(), Envelope(job().id, "print", b"child")
    backend.enqueue([parent])
    consumer = backend.consume([QueueShare("mail")], lease=30, worker="w")
    [lease] = consumer.fetch(1, 0)
    before = backend.commits

    consumer.settle([Complete(lease=lease, then=(child,))])
    consumer.flush(5)

    assert backend.commits - before == 1
    assert backend.counts("print").ready == 1
