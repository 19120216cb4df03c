"""What machines on one queue share: two consumers on two connections, the model, and the steps that
rules are made of.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

from anyjob.conformance.brief import brief
from anyjob.conformance.machines.base import SceneMachine
from anyjob.conformance.machines.model import Model, ModelJob
from anyjob.conformance.scene import LEASE, QUEUE, UUID_V7
from anyjob.conformance.settlements import settlement
from anyjob.core.backend import CancelResult, Consumer
from anyjob.core.envelope import Envelope, Unique
from anyjob.core.settlement import Answer, Lease, Settlement
from anyjob.core.state import TERMINAL, State

#: A job to make: priority, delay, size of the body.
NewJob = tuple[int, float | None, int]
#: How a lease ends: kind, size of the note, child, delay.
End = tuple[str, int | None, NewJob | None, float]


class QueueMachine(SceneMachine):
    """One queue; a subclass has the rules."""

    def __init__(self) -> None:
        super().__init__()
        self.model = Model(self.scene.capabilities, self.clock)
        self.backends = [self.scene.backend, self.scene.fresh()]
        self.consumers = [self._new_consumer(who) for who in range(2)]
        #: All leases of each consumer, the newest first.
        self.leases: list[list[Lease]] = [[], []]
        self.made = 0
        #: How far the wall clock was set back and not forward again.
        self.set_back = 0.0

    # Steps that rules are made of

    def take(self, who: int, credit: int) -> list[Lease]:
        """Fetch, once."""
        must = [job for job in self.model.jobs.values() if self.model.must_be_leased(job)]

        leases = self.consumers[who].fetch(credit, 0.0)

        self._fetched(who, leases, credit, must)
        return leases

    def end(self, who: int, picks: Sequence[tuple[int, End]]) -> None:
        """Settle leases of a consumer, live and stale."""
        settlements = self._settlements(who, picks)

        self.consumers[who].settle(settlements)

        self._settled(settlements, self._flush(who, settlements))

    def pass_time(self, seconds: float) -> None:
        """Let time pass, and leases lapse with it."""
        leased = [job for job in self.model.in_state(State.LEASED) if self.model.is_certain(job)]
        self.let_pass(seconds, self.model)
        if any(not self.model.is_certain(job) for job in leased):
            self.marks["a lease lapsed while its holder lived"] += 1

    def set_wall_clock(self, step: float) -> None:
        """Set the clock forward or back; back only while no job is known to have come due, because
        what did may be ready already.
        """
        if any(self.model.may_have_come(job) for job in self.model.in_state(State.SCHEDULED)):
            step = abs(step)
        self.clock.jump(step)
        self.model.era += step < 0
        self.set_back = max(0.0, self.set_back - step)

    def call_off(self, picks: Sequence[int], *, unknown: bool) -> None:
        """Cancel jobs of any state, and perhaps one that never was."""
        ids = [job.id for job in self._picked(picks)] + [self._next_id()] * unknown

        results = self.backends[0].cancel(QUEUE, ids)

        assert len(results) == len(ids)
        for job_id, result in zip(ids, results, strict=True):
            self.model.cancelled(job_id, result)
            self.marks["a job was cancelled"] += result is CancelResult.CANCELLED

    def purge_waiting(self, states: Collection[State]) -> None:
        """Remove what waits in these states."""
        unfinished = self.model.unfinished()

        purged = self.backends[0].purge(QUEUE, states)

        records = self.backends[0].get(QUEUE, [job.id for job in unfinished])
        gone = {
            job
            for job, record in zip(unfinished, records, strict=True)
            if record is None or record.state.is_terminal
        }
        assert purged == len(gone)
        moving = {job for job in unfinished if not self.model.is_certain(job)}
        waiting = set(self.model.in_state(*states))
        assert waiting - moving <= gone <= waiting | moving
        for job in gone:
            self.model.removed(job)

    def discard_dead(self, picks: list[int] | None) -> None:
        """Remove dead jobs, all with None."""
        dead = self._dead(picks)

        assert self.backends[0].discard(QUEUE, self._ids(picks)) == len(dead)

        for job in dead:
            self.model.removed(job)

    def compare_records(self) -> None:
        """Compare what `get` shows with the model."""
        jobs = list(self.model.jobs.values())
        records = self.backends[1].get(QUEUE, [job.id for job in jobs])
        for job, record in zip(jobs, records, strict=True):
            if job.state in TERMINAL - {State.DEAD} and not self.model.is_remembered(job):
                continue
            assert record is not None, f"{job.state} job {job.id} is not shown"
            if self.model.capabilities.browse != "all" and not job.state.is_terminal:
                # Nobody lists what waits; whoever tells of it may have heard it a while ago.
                assert not record.state.is_terminal
                continue
            if self.model.is_certain(job):
                assert (record.state, record.attempts) == (job.state, job.attempts)
                exact = self._tells_redeliveries()
                assert record.redeliveries == job.redeliveries or not exact
                assert brief(record.note) == brief(job.note)
                ended = job.state in TERMINAL - {State.DEAD}
                assert brief(record.body) == brief(None if ended else job.body)
                assert record.reason == job.reason or ended

    def _tells_redeliveries(self) -> bool:
        """Whether `get` knows of every lease that was lost."""
        capabilities = self.model.capabilities
        return capabilities.redeliveries == "exact" and capabilities.browse == "all"

    # What they are made of

    def _job(
        self, priority: int, due: float | None, size: int, unique: Unique | None = None
    ) -> Envelope:
        if self.scene.lacks("delay"):
            due = None
        job_id = self._next_id()
        body = (b"%06d\x00\xff" % self.made).ljust(size, b"\x00")[:size]
        return Envelope(
            id=job_id, queue=QUEUE, body=body, priority=priority, due=due, unique=unique
        )

    def _next_id(self) -> str:
        self.made += 1
        return str(UUID(int=UUID_V7 | self.made))

    def _new_consumer(self, who: int) -> Consumer:
        return self.scene.consumer(backend=self.backends[who], lease=LEASE, worker=f"worker-{who}")

    def _replace(self, who: int) -> None:
        if self.scene.capabilities.lease == "connection":
            self.model.severed(self.leases[who])
        self.consumers[who] = self._new_consumer(who)
        self.leases[who] = []

    def _picked(self, picks: Sequence[int]) -> list[ModelJob]:
        jobs = list(self.model.jobs.values())[::-1]
        if not jobs:
            return []
        return [jobs[pick] for pick in dict.fromkeys(pick % len(jobs) for pick in picks)]

    def _ids(self, picks: list[int] | None) -> list[str] | None:
        return None if picks is None else [job.id for job in self._picked(picks)]

    def _dead(self, picks: list[int] | None) -> list[ModelJob]:
        among = self.model.jobs.values() if picks is None else self._picked(picks)
        return [job for job in among if job.state is State.DEAD]

    def _held(self, who: int, picks: Sequence[int]) -> list[Lease]:
        """Leases of a consumer, live and stale, each once."""
        leases = self.leases[who]
        chosen = dict.fromkeys(pick % len(leases) for pick in picks) if leases else ()
        return [leases[pick] for pick in chosen]

    def _settlements(self, who: int, picks: Sequence[tuple[int, End]]) -> list[Settlement]:
        """Settlements of leases of a consumer, live and stale, also several of one."""
        leases = self.leases[who]
        return [self._settlement(leases[pick % len(leases)], end) for pick, end in picks if leases]

    def _settlement(self, lease: Lease, end: End) -> Settlement:
        kind, note_size, child, delay = end
        fields: dict[str, object] = {}
        if note_size is not None:
            fields["note"] = bytes(note_size)
        if child is not None:
            fields["then"] = (self._job(*child),)
        if kind in ("retry", "release") and not self.scene.lacks("delay"):
            fields["delay"] = delay
        return settlement(kind, lease, **fields)

    def _flush(self, who: int, settlements: Sequence[Settlement]) -> list[Answer]:
        settled = self.consumers[who].flush(5.0)
        answers = {id(each.settlement): each.answer for each in settled}
        assert len(settled) == len(settlements)
        assert answers.keys() == {id(each) for each in settlements}
        return [answers[id(each)] for each in settlements]

    def _settled(self, settlements: Sequence[Settlement], answers: Sequence[Answer]) -> None:
        for each, answer in zip(settlements, answers, strict=True):
            self.marks["a stale settlement was sent"] += not self.model.may_be_live(each.lease)
            self.marks["children were enqueued"] += bool(each.then) and answer is Answer.DONE
            self.model.settled(each, answer)

    def _fetched(self, who: int, leases: list[Lease], credit: int, must: list[ModelJob]) -> None:
        for lease in leases:
            job = self.model.jobs.get(lease.id)
            if job is not None:
                self.marks["a lost job was leased again"] += job.state is State.LEASED
                self.marks["a released job was leased again"] += job.was_released
        self.model.fetched(leases, credit, LEASE, must)
        self.leases[who] = leases[::-1] + self.leases[who]

    def come_to_rest(self) -> None:
        """Let everything come to rest: each job that is not over must be delivered, and nothing
        else.
        """
        if self.model.paused:
            self.scene.backend.resume(QUEUE)
            self.scene.pass_time(5.0)
            self.model.paused = False
        self.clock.jump(self.set_back)
        lags = self.scene.capabilities.redelivery_lag + self.scene.capabilities.resolution
        for _ in range(4):
            self.let_pass(3 * LEASE + lags, self.model)
            while self._drain_once():
                pass
        left = [job.id for job in self.model.unfinished()]
        assert not left, f"lost: {left}"
        assert self.scene.counted() == (0, 0, 0, len(self.model.in_state(State.DEAD)))

    def _drain_once(self) -> bool:
        leases = self.take(0, 50)
        settlements = [settlement("complete", lease) for lease in leases]
        self.consumers[0].settle(settlements)
        self._settled(settlements, self._flush(0, settlements))
        return bool(leases)
