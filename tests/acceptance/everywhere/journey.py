"""What the program does, step by step, and what each step came to, in words."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from anyjob import BackendError, Draft, Job, State, UnsupportedCapability
from tests.acceptance.everywhere.workplace import Workplace, environment

LOW, HIGH = 0, 9
SHORT = 0.3
#: Seconds that a job is delayed; what comes later than a tenth of it and the declared lag is late.
DELAY = 2.0
#: Jobs on both sides of a restart.
LOAD = 30


class Journey:
    """One run at one place. The steps before `work_begins` hand in what has to wait for it."""

    def __init__(self, at: Workplace) -> None:
        self._at = at
        self._app = at.app
        self._work = at.app.tasks.get("work")
        self._wrong = at.app.tasks.get("wrong")
        self._worker: subprocess.Popen[bytes] | None = None

    def run(self) -> dict[str, str]:
        """What each step came to."""
        came: dict[str, str] = {}
        with ExitStack() as stack:
            waiting = {
                "priorities": self._priorities(),
                "expiry": self._expiry(),
                "cancelling": self._cancelling(),
                "unique key": self._unique_key(),
            }
            stack.enter_context(self._working())
            for name, step in waiting.items():
                came[name] = step()
            came["delay"] = _refusable(self._delay)
            came["retry"] = _refusable(self._retry)
            came["burial"] = self._burial()
            came["result"] = _refusable(self._result)
            came["state"] = _refusable(self._state)
            came["worker killed"] = self._kill_the_worker()
            came["server killed"] = self._kill_the_server()
            came["worker stopped"] = self._stop_the_worker()
        return came

    # What waits for a worker

    def _priorities(self) -> Callable[[], str]:
        """Six jobs that matter less, then six that matter more, on one slot."""
        low = [self._enqueue(self._work.using(priority=LOW).job()).id for _ in range(6)]
        high = [self._enqueue(self._work.using(priority=HIGH).job()).id for _ in range(6)]

        def came() -> str:
            self._until_ended({*low, *high})
            order = list(self._at.diary.runs())
            if sum(map(order.index, high)) < sum(map(order.index, low)):
                return "higher first"
            return "as they came"

        return came

    def _expiry(self) -> Callable[[], str]:
        job = self._enqueue(self._work.using(queue="lane", expires=SHORT).job())
        time.sleep(2 * SHORT)

        def came() -> str:
            self._until_ended({self._enqueue(self._work.using(queue="lane").job()).id})
            return "begun" if self._at.begun(job.id) else "not begun"

        return came

    def _cancelling(self) -> Callable[[], str]:
        job = self._enqueue(self._work.using(queue="end").job())
        said = _refusable(lambda: f"cancelled: {job.cancel()}")

        def came() -> str:
            after = self._enqueue(self._work.using(queue="end").job())
            self._until_ended({after.id})
            if said.startswith("refused"):
                return said
            return f"{said}, begun {len(self._at.begun(job.id))} times"

        return came

    def _unique_key(self) -> Callable[[], str]:
        def twice() -> str:
            keyed = self._work.using(queue="lane", unique_key="customer 7")
            first, second = keyed.enqueue(), keyed.enqueue()
            is_one = first.created and not second.created and first.id == second.id
            return "one job" if is_one else "two jobs"

        said = _refusable(twice)
        return lambda: said

    # What a worker does

    def _delay(self) -> str:
        at = time.monotonic()
        job = self._work.using(delay=DELAY).enqueue()
        self._until_ended({job.id})
        took = float(self._at.diary.runs()[job.id][0]["at"]) - at
        return "early" if took < DELAY else "not early"

    def _retry(self) -> str:
        if "failing" not in {task.name for task in self._app.tasks}:
            raise UnsupportedCapability("delay", "the app was refused with it")
        job = self._app.tasks.get("failing").enqueue()
        self._at.wait(self._dead, "the job is dead")
        attempts = self._at.begun(job.id)
        [letter] = self._dead()
        assert letter == job.id
        assert self._app.discard("default", [job.id]) == 1
        return f"attempts {attempts}, then dead"

    def _burial(self) -> str:
        job = self._wrong.enqueue("nobody")
        self._at.wait(self._dead, "the job is dead")
        [found] = self._app.browse("default", State.DEAD).jobs
        assert found.id == job.id
        assert "no such customer" in repr(found)
        assert self._app.revive("default", [job.id], edit={job.id: {"customer": "Ann"}}) == 1
        self._until_ended({job.id})
        self._at.wait(lambda: not self._dead(), "no dead letter is left")
        return f"dead with its reason, revived with an edit, attempts {self._at.begun(job.id)}"

    def _result(self) -> str:
        return f"{self._work.enqueue().result(timeout=60)}"

    def _state(self) -> str:
        job = self._work.enqueue()
        self._until_ended({job.id})
        said = ""

        def told() -> bool:
            nonlocal said
            said = str(job.status())
            return said not in {"ready", "leased"}

        self._at.wait(told, "the end of the job is told")
        return said

    def _kill_the_worker(self) -> str:
        if self._worker is None:
            return "not here: memory ends with its process"
        job = self._enqueue(self._work.job(seconds=1.0))
        self._at.wait(lambda: self._at.begun(job.id), "the job begins")
        self._worker.kill()
        self._worker.wait()
        self._worker = self._at.worker()
        self._until_ended({job.id})
        first, *again = self._at.diary.runs()[job.id]
        assert first["redeliveries"] == 0
        assert all(int(run["redeliveries"]) >= 1 for run in again)
        return f"run again, attempts {sorted(set(self._at.begun(job.id)))}"

    def _kill_the_server(self) -> str:
        if self._at.ready.restart is None:
            return "not here: there is no server"
        before = {self._enqueue(self._work.job()).id for _ in range(LOAD)}
        self._at.ready.restart()
        self._at.wait(lambda: self._is_taken(before), "the server takes jobs")
        self._until_ended(before)
        return "none lost"

    def _stop_the_worker(self) -> str:
        if self._worker is None:
            return "exit code 0"
        self._worker.send_signal(signal.SIGTERM)
        return f"exit code {self._worker.wait(60)}"

    # What they are made of

    @contextmanager
    def _working(self) -> Iterator[None]:
        """A worker with one slot: a process, or a thread of this one."""
        if self._at.is_shared:
            self._worker = self._at.worker()
            yield
            return
        with environment(self._at.environment), self._app.worker(concurrency=1):
            yield

    def _enqueue(self, draft: Draft[object]) -> Job[object]:
        return self._app.enqueue(draft)

    def _is_taken(self, jobs: set[str]) -> bool:
        """Whether one job more was accepted; it joins the others."""
        try:
            jobs.add(self._enqueue(self._work.job()).id)
        except BackendError:
            return False
        return True

    def _dead(self) -> list[str]:
        return [job.id for job in self._app.browse("default", State.DEAD).jobs]

    def _until_ended(self, jobs: set[str]) -> None:
        self._at.wait(lambda: jobs <= self._at.diary.ended(), f"{len(jobs)} jobs end")


def _refusable(step: Callable[[], str]) -> str:
    """What a step came to, or the capability that it was refused for."""
    try:
        return step()
    except UnsupportedCapability as refusal:
        return f"refused: {refusal.name}"
