"""Tasks that do their worst: each attempt ends in a decision, and the worker lives."""

from __future__ import annotations

from pathlib import Path

import pytest

from anyjob import State
from anyjob.core.settlement import MAX_NOTE
from tests.acceptance.conftest import Site

WORST = {
    "SystemExit": "SystemExit",
    "KeyboardInterrupt": "KeyboardInterrupt",
    "unreadable": "Unreadable",
    "long text": "ValueError",
    "causes": "ValueError",
}


def memory_of(pid: int) -> int:
    """Return the resident bytes of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no VmRSS")


def test_no_error_of_a_task_ends_the_worker(site: Site) -> None:
    buried = {how: site.enqueue("misbehave", how=how)[0] for how in WORST}
    exited = site.enqueue("amisbehave", how="exit") + site.enqueue("amisbehave", how="cancel")
    worker = site.worker("-c", "2")
    site.wait(lambda: site.app.counts().dead == len(buried) + 2, "every job is buried")

    [after, after_async] = site.enqueue("work") + site.enqueue("awork")
    site.wait(lambda: {after, after_async} <= site.diary.ended(), "the worker goes on")

    assert worker.poll() is None
    for how, job in buried.items():
        shown = site.app.show(job)
        assert (shown.reason, shown.attempts, shown.note.type) == ("failed", 1, WORST[how])
    for job in exited:
        assert site.app.show(job).attempts == 1
    assert {len(runs) for runs in site.diary.runs().values()} == {1}


def test_error_text_of_fifty_megabytes_is_cut(site: Site) -> None:
    [job] = site.enqueue("misbehave", how="long text")
    worker = site.worker()
    site.wait(lambda: site.app.counts().dead, "it is buried")

    [record] = site.app.backend.get("default", [job])

    assert record is not None
    assert len(record.note) <= MAX_NOTE
    assert len(site.log_of(worker)) < 100_000


def test_hundred_causes_leave_a_bounded_traceback_with_the_newest_error(site: Site) -> None:
    [job] = site.enqueue("misbehave", how="causes")
    site.worker()
    site.wait(lambda: site.app.counts().dead, "it is buried")

    note = site.app.show(job).note

    assert note.message == "number 99"
    assert note.traceback.rstrip().endswith("ValueError: number 99")
    assert len(note.traceback) <= MAX_NOTE


@pytest.mark.parametrize("how", ["result", "large result"])
def test_result_that_cannot_be_kept_buries_the_job_after_one_run(site: Site, how: str) -> None:
    [job] = site.enqueue("misbehave", how=how)
    worker = site.worker()
    site.wait(lambda: site.app.counts().dead, "it is buried")

    shown = site.app.show(job)

    assert (shown.reason, shown.attempts) == ("result", 1)
    assert worker.poll() is None


def test_large_results_leave_no_memory_taken(site: Site) -> None:
    worker = site.worker("-c", "1")
    [warm_up] = site.enqueue("work")
    site.wait(lambda: warm_up in site.diary.ended(), "the worker is awake")
    before = memory_of(worker.pid)

    site.enqueue("misbehave", 6, how="large result")
    site.wait(lambda: site.app.counts().dead == 6, "all are buried")

    # Six of them together are 300 MB; one may not have been given back to the system yet.
    assert memory_of(worker.pid) - before < 150_000_000


def test_hogged_interpreter_is_judged_by_its_time_limit_and_the_worker_goes_on(site: Site) -> None:
    [hog] = site.enqueue("hog")
    # A lease longer than the hog may take on a busy machine, or it would run a second time.
    worker = site.worker("-c", "4", ANYJOB_LEASE="20")
    site.wait(lambda: site.app.get(hog).status() in {State.SUCCEEDED, State.DEAD}, "it is judged")

    [after] = site.enqueue("work")
    site.wait(lambda: after in site.diary.ended(), "the worker goes on")

    assert worker.poll() is None
