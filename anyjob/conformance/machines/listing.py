"""A walk through the pages of one state while jobs come and go."""

from __future__ import annotations

from itertools import pairwise

from anyjob.conformance.brief import brief
from anyjob.conformance.machines.model import HEAD, Model, ModelJob
from anyjob.conformance.scene import QUEUE
from anyjob.core.backend import Backend, JobRecord
from anyjob.core.envelope import PRIORITIES
from anyjob.core.state import State

#: No listing of a machine has more pages.
MOST_PAGES = 1000


class Walk:
    """Reads page after page; what stays in its state meanwhile must be seen, and once."""

    def __init__(self, model: Model, backend: Backend, state: State, limit: int) -> None:
        self.model, self.backend, self.state, self.limit = model, backend, state, limit
        self.is_over = False
        self._cursor: str | None = None
        self.seen: list[JobRecord] = []
        #: Who is surely in the state, and by which lease it last was.
        self._before = {job.id: job.token for job in model.in_state(state) if self._is_sure(job)}
        self._possible = self._perhaps()

    def read_page(self) -> None:
        """Read one page. Fails if it is longer than asked for, or shows what is not there."""
        page = self.backend.browse(QUEUE, self.state, self._cursor, self.limit)
        assert len(page.records) <= self.limit
        self._possible |= self._perhaps()
        for record in page.records:
            assert record.state is self.state
            assert record.id in self._possible, f"{record.id} is not {self.state}"
            self._compare(record)
        self.seen += page.records
        self._cursor = page.cursor
        self.is_over = page.cursor is None

    def finish(self) -> None:
        """Read to the end. Fails if a job that stayed was left out, or shown twice."""
        pages = 0
        while not self.is_over:
            self.read_page()
            pages += 1
            assert pages < MOST_PAGES, "a listing without an end"
        jobs = self.model.jobs
        stayed = {
            job_id
            for job_id, token in self._before.items()
            if job_id in jobs and jobs[job_id].state is self.state and jobs[job_id].token == token
        }
        shown = [record.id for record in self.seen if record.id in stayed]
        assert set(shown) == stayed, f"{len(stayed) - len(set(shown))} jobs were skipped"
        assert len(shown) == len(set(shown)), "a job was shown twice"
        self._check_order([jobs[job_id] for job_id in shown])

    def _is_sure(self, job: ModelJob) -> bool:
        return self.model.is_certain(job)

    def _perhaps(self) -> set[str]:
        moving = {job.id for job in self.model.unfinished() if not self._is_sure(job)}
        return moving | {job.id for job in self.model.in_state(self.state)}

    def _compare(self, record: JobRecord) -> None:
        job = self.model.jobs.get(record.id)
        if job is None or job.state is not self.state or not self._is_sure(job):
            return
        assert brief(record.body) == brief(job.body)
        assert (record.priority, brief(record.note)) == (job.priority, brief(job.note))
        assert (record.attempts, record.reason) == (job.attempts, job.reason)
        exact = self.model.capabilities.redeliveries == "exact"
        assert record.redeliveries == job.redeliveries or not exact
        if self.state is State.DEAD:
            assert record.ended is not None
            assert abs(record.ended - job.at) <= self.model.capabilities.resolution

    def _check_order(self, jobs: list[ModelJob]) -> None:
        eps = self.model.capabilities.resolution
        if self.state in (State.DEAD, State.SCHEDULED):
            times = [job.at for job in jobs]
            pairs = pairwise(times)
            assert all(one <= other + eps for one, other in pairs), f"{self.state} out of order"
        if self.state is State.READY and self.model.capabilities.priorities == PRIORITIES:
            priorities = [job.priority for job in jobs]
            assert priorities == sorted(priorities, reverse=True), "not in the order of the fetch"
        if self.state is State.READY and self.model.capabilities.order == "fifo":
            keys = [
                (-job.priority, job.place)
                for job in jobs
                if job.place is not None and job.place != HEAD
            ]
            assert keys == sorted(keys), "not in the order of the fetch"
