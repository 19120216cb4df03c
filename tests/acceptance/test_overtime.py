"""Attempts past their time limit: asked to end, judged without an end, not believed later."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from anyjob import State
from anyjob.core.view import JobView
from tests.acceptance import overtime
from tests.acceptance.conftest import ANYJOB, Site

#: Enough that one lost slot is less than a tenth of them, and two are not.
SLOTS = 20


class Overtime(Site):
    """A site whose tasks do not end in time."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.app.close()
        self.app = overtime.make(self.url)

    def slow_worker(self, slots: int = SLOTS, grace: float = 0.5) -> subprocess.Popen[str]:
        app = "tests.acceptance.overtime:make()"
        command = [ANYJOB, "worker", app, "-c", str(slots), "--cancel-grace", str(grace)]
        return self.start(command)

    def ended(self, job: str) -> JobView:
        """Wait until a job is judged."""
        over = {State.DEAD, State.SUCCEEDED}
        self.wait(lambda: self.app.show(job).state in over, f"{job} is judged")
        return self.app.show(job)

    def let_go(self) -> None:
        """Let the stubborn ones end."""
        (self.folder / "let-go").touch()


@pytest.fixture
def late(tmp_path: Path) -> Iterator[Overtime]:
    site = Overtime(tmp_path)
    yield site
    site.close()


def test_tasks_that_end_when_asked_cost_no_slot(late: Overtime) -> None:
    worker = late.slow_worker(1, grace=10)
    jobs = {name: late.enqueue(name)[0] for name in ("polite", "asleep", "polite_and_done")}
    judged = {name: late.ended(job) for name, job in jobs.items()}

    [after] = late.enqueue("work")
    late.wait(lambda: after in late.diary.ended(), "the worker goes on")

    for name in ("polite", "asleep"):
        assert (judged[name].state, judged[name].attempts) == (State.DEAD, 1)
        assert judged[name].note.type == "TimeLimitExceeded"
        assert "timeout of 0.5 s" in judged[name].note.message
    # What a task managed to finish within the grace is done.
    assert judged["polite_and_done"].state is State.SUCCEEDED
    assert worker.poll() is None
    assert "keeps its slot" not in late.log_of(worker)


@pytest.mark.parametrize("task", ["stubborn", "deaf"])
def test_task_that_does_not_end_is_judged_and_its_late_outcome_dropped(
    late: Overtime, task: str
) -> None:
    [job] = late.enqueue(task)
    worker = late.slow_worker()
    judged = late.ended(job)
    assert (judged.state, judged.attempts) == (State.DEAD, 1)
    assert judged.note.type == "TimeLimitExceeded"
    assert job not in late.diary.ended()

    # A thread's slot is replaced; a coroutine's is not, because it is still on the loop.
    free = SLOTS if task == "stubborn" else SLOTS - 1
    others = late.enqueue("patient", SLOTS)
    late.wait(lambda: len(late.diary.open_by(worker.pid)) == 1 + free, "all slots are at work")
    late.let_go()
    late.wait(lambda: set(others) <= late.diary.ended(), "they end")
    late.wait(lambda: "after it was judged" in late.log_of(worker), "the late end is reported")

    assert late.app.show(job).state is State.DEAD
    assert len(late.diary.runs()[job]) == 1
    worker.terminate()
    assert worker.wait(timeout=20) == 0, late.log_of(worker)


def test_retries_after_a_time_limit_are_fenced_off_from_the_runs_before(late: Overtime) -> None:
    [job] = late.enqueue("stubborn_thrice")
    late.slow_worker(2 * SLOTS)
    judged = late.ended(job)
    late.let_go()
    late.wait(lambda: len(late.diary.lines("end")) == 3, "all three runs end")

    assert (judged.state, judged.attempts) == (State.DEAD, 3)
    assert [run["attempt"] for run in late.diary.runs()[job]] == [1, 2, 3]
    assert late.app.show(job).state is State.DEAD


@pytest.mark.parametrize("task", ["stubborn", "deaf"])
def test_worker_that_lost_a_tenth_of_its_slots_finishes_what_runs_and_exits_1(
    late: Overtime, task: str
) -> None:
    [long] = late.enqueue("work", seconds=3.0)
    lost = late.enqueue(task, 2)
    worker = late.slow_worker()

    assert worker.wait(timeout=20) == 1, late.log_of(worker)

    assert "too many slots are lost" in late.log_of(worker)
    assert late.app.get(long).status() is State.SUCCEEDED
    for job in lost:
        assert late.app.show(job).state is State.DEAD
    # Its place is for another worker, which begins with all of its slots.
    [next_one] = late.enqueue("work")
    late.slow_worker()
    late.wait(lambda: next_one in late.diary.ended(), "another worker goes on")
    assert {len(runs) for runs in late.diary.runs().values()} == {1}
