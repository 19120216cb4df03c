"""How a lease of a pair ends: the store decides, by the version of the record; the backend follows.

A crash between the two leaves a message whose record says that its job is over, and that is removed
when it comes up again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from anyjob.backends.paired.agenda import Agenda, Entry
from anyjob.backends.paired.held import Held, Hold
from anyjob.backends.paired.holders import Holders
from anyjob.backends.paired.intake import Intake, one_less
from anyjob.backends.paired.ledger import Known, Ledger
from anyjob.backends.paired.levels import DEDUP_WINDOW
from anyjob.backends.paired.plain import Plain
from anyjob.backends.paired.records import Change, Phase, Record, dead_of
from anyjob.backends.paired.steps import Step, lasts, needs_proof, owned, settled
from anyjob.backends.paired.telling import Telling
from anyjob.backends.paired.verdicts import may_end
from anyjob.backends.paired.words import Words
from anyjob.core.backend import Consumer
from anyjob.core.capabilities import Capabilities
from anyjob.core.clock import Clock
from anyjob.core.envelope import Envelope, Receipt, Rejected
from anyjob.core.errors import BackendError, BackendFull
from anyjob.core.settlement import (
    Abandon,
    Answer,
    Bury,
    Complete,
    Release,
    Settlement,
)

_ROUNDS = 5


class Ending:
    """Ends the leases of one consumer; under its sending lock."""

    def __init__(
        self,
        consumer: Consumer,
        held: Held,
        intake: Intake,
        ledger: Ledger,
        words: Words,
        agenda: Agenda,
        holders: Holders,
        enqueue: Callable[[Sequence[Envelope]], list[Receipt]],
        capabilities: Capabilities,
        clock: Clock,
        lease: float,
    ) -> None:
        self._consumer = consumer
        self._held = held
        self._intake = intake
        self._ledger = ledger
        self._words = words
        self._agenda = agenda
        self._holders = holders
        self._enqueue = enqueue
        self._levels = capabilities
        self._clock = clock
        self._lease = lease
        #: Ends are remembered past the window for as long as a message may come again after it.
        self._memory = DEDUP_WINDOW + 2 * lease
        self._telling = Telling(consumer, ledger, words, agenda)
        self._plain = Plain(held, ledger, words, clock, self._memory)

    def end(self, lot: Sequence[Settlement], deadline: float) -> list[Answer]:
        """Carry settlements out, in order, and return their answers. Raises nothing.

        `deadline` is how long the backend may take, in seconds.
        """
        holds = self._plain.holds(lot)
        if holds is None:
            return self._end(lot, deadline)
        try:
            left = self._plain.write(lot, holds)
        except BackendFull:
            return self._end(lot, deadline)
        except BackendError:
            return [Answer.UNKNOWN] * len(lot)
        if not left:
            return self._told(lot, holds, deadline)
        # Somebody looked at these meanwhile, or has them.
        return self._end(lot, deadline)

    def _told(
        self, lot: Sequence[Settlement], holds: Sequence[Hold], deadline: float
    ) -> list[Answer]:
        """Tell the backend what the store knows already, of jobs that are done."""
        told = [Complete(lease=hold.inner) for hold in holds]
        answers = self._telling.flushed(told, deadline)
        if all(answers.get(id(each)) is Answer.DONE for each in told):
            self._held.drop(holds)
            return [Answer.DONE] * len(told)
        steps = [Step(settlement, hold) for settlement, hold in zip(lot, holds, strict=True)]
        for step, inner in zip(steps, told, strict=True):
            step.inner = inner
        self._telling.conclude(steps, answers)
        self._held.drop(step.hold for step in steps if step.answer is not Answer.UNKNOWN)
        return [step.answer or Answer.UNKNOWN for step in steps]

    def _end(self, lot: Sequence[Settlement], deadline: float) -> list[Answer]:
        """The same of whatever there is."""
        answers: dict[int, Answer] = {}
        steps = self._steps(lot)
        recorded: list[Step] = []
        for step in steps:
            if self._is_recorded(step):
                recorded.append(step)
            else:
                step.inner = self._telling.inner(step)
        try:
            try:
                self._store(recorded)
            except BackendFull:
                self._remove(recorded)
        except BackendError:
            for step in recorded:
                step.answer = step.answer or Answer.UNKNOWN
        self._telling.tell([step for step in steps if step.inner is not None], deadline)
        self._held.drop(step.hold for step in steps if step.answer is not Answer.UNKNOWN)
        for step in steps:
            answers[id(step.settlement)] = step.answer or Answer.UNKNOWN
        # A lease that is not held has nothing to be settled; nor has one a second time.
        return [answers.pop(id(each), Answer.LEASE_LOST) for each in lot]

    def _steps(self, lot: Sequence[Settlement]) -> list[Step]:
        """The settlements that find a lease, the first of each."""
        steps: list[Step] = []
        seen: set[int] = set()
        for settlement in lot:
            hold = self._held.find(settlement.lease)
            if hold is not None and id(hold) not in seen:
                seen.add(id(hold))
                steps.append(Step(settlement, hold))
        return steps

    # In the store

    def _store(self, steps: Sequence[Step]) -> None:
        now = self._clock.monotonic()
        self._prove([step for step in steps if needs_proof(step, now)])
        self._bear_children([step for step in steps if step.settlement.then and not step.answer])
        left = [step for step in steps if step.answer is None]
        if any(self._telling.waits_here(step) for step in left):
            now = self._ledger.now()
            for step in left:
                step.due = now + step.delay
        self._write([step for step in left if not step.is_repeated], self._after, final=True)
        decided = [step for step in left if step.answer is None]
        self._postpone([step for step in decided if self._telling.waits_here(step)])
        over = [step for step in decided if step.is_over]
        keys = [(step.queue, step.id, key) for step in over if (key := step.hold.message.key)]
        if keys:
            self._holders.free(keys)
        dead = [step for step in decided if isinstance(step.settlement, Bury)]
        if dead:
            self._ledger.list_([(dead_of(step.queue), step.id) for step in dead])
        for step in decided:
            step.inner = self._telling.inner(step)

    def _remove(self, steps: Sequence[Step]) -> None:
        """Settle what can be settled while the store takes in nothing more: a job that ends is
        forgotten instead of remembered. What has something to be kept waits for room.
        """
        left = [
            step
            for step in steps
            if not (step.answer or step.is_repeated or step.settlement.then)
            and step.settlement.outcome is None
            and not self._telling.waits_here(step)
        ]
        self._prove(left)
        ours = [step for step in left if step.answer is None]
        over = [step for step in ours if step.is_over]
        removed = self._ledger.forget([(step.queue, step.id, step.hold.version) for step in over])
        for step, done in zip(over, removed, strict=True):
            step.answer = None if done else Answer.UNKNOWN
        for step in ours:
            if step.answer is None:
                step.hold.settled = step.settlement if step.is_over else None
                step.inner = self._telling.inner(step)
        for step in steps:
            if step.inner is None:
                step.answer = step.answer or Answer.UNKNOWN

    def _prove(self, steps: Sequence[Step]) -> None:
        """Find out from the backend which leases are lost, before anything is written."""
        fresh = [step for step in steps if not step.is_repeated]
        inner = [step.hold.inner for step in fresh]
        lost = {id(lease) for lease in self._consumer.extend(inner, self._lease)} if inner else ()
        for step in fresh:
            if id(step.hold.inner) in lost:
                step.answer = Answer.LEASE_LOST

    def _bear_children(self, steps: Sequence[Step]) -> None:
        """Enqueue what is to follow, once the lease is proved to be ours."""
        fresh = [step for step in steps if not step.is_repeated]
        self._write(fresh, owned)
        for step in fresh:
            if step.answer is None:
                receipts = self._enqueue(step.settlement.then)
                if any(isinstance(receipt, Rejected) for receipt in receipts):
                    step.answer = Answer.UNKNOWN

    def _is_recorded(self, step: Step) -> bool:
        """Whether the store has to know of it: a job that goes back as it was is the backend's
        affair.
        """
        kind = step.settlement
        if isinstance(kind, Release | Abandon):
            return bool(kind.then) or kind.note is not None or self._telling.waits_here(step)
        return True

    def _write(
        self,
        steps: Sequence[Step],
        change: Callable[[Step], Record],
        *,
        final: bool = False,
    ) -> None:
        """Change the records of these, each unless another lease has the job by now."""
        left = list(steps)
        for _ in range(_ROUNDS):
            if not left:
                return
            changes = [
                Change(
                    step.queue,
                    step.id,
                    record := change(step),
                    step.hold.version or None,
                    lasts(step, record, self._memory),
                )
                for step in left
            ]
            again: list[Step] = []
            for step, made, written in zip(left, changes, self._ledger.write(changes), strict=True):
                if written.done:
                    self._written(step, made.record, written.version or 0, final=final)
                else:
                    again.append(step)
            left = self._reread(again)
        for step in left:
            step.answer = Answer.UNKNOWN

    def _written(self, step: Step, record: Record, version: int, *, final: bool) -> None:
        hold = step.hold
        if hold.record is not None and hold.record.phase is Phase.CANCELLED:
            # It was cancelled while it ran, and its end counts.
            self._words.change(step.queue, one_less)
        hold.record, hold.version = record, version
        if final:
            hold.settled = step.settlement

    def _reread(self, steps: Sequence[Step]) -> list[Step]:
        """Look at records that are not as they were; returns the steps that may go on."""
        if not steps:
            return []
        found = self._ledger.read([(step.queue, step.id) for step in steps])
        lost = self._lost(steps, found)
        left: list[Step] = []
        for step, known in zip(steps, found, strict=True):
            hold = step.hold
            if known is None and id(hold.inner) not in lost:
                hold.record, hold.version = None, 0
                left.append(step)
            elif known is None:
                step.answer = Answer.LEASE_LOST
            elif may_end(hold, known.record) and id(hold.inner) not in lost:
                hold.record, hold.version = known.record, known.version
                left.append(step)
            elif known.record.owner == step.settlement.lease.token:
                # Ours, and its answer was lost.
                hold.record, hold.version = known.record, known.version
                hold.settled = step.settlement
            else:
                step.answer = Answer.LEASE_LOST
                if known.record.is_over:
                    step.inner = Complete(lease=hold.inner)
        return left

    def _lost(self, steps: Sequence[Step], found: Sequence[Known | None]) -> set[int]:
        """Which of the backend's leases are lost, of those whose records another lease may have
        changed: only the backend knows who has the job now.
        """
        doubtful = [
            step.hold.inner
            for step, known in zip(steps, found, strict=True)
            if known is None or known.record.owner != step.settlement.lease.token
        ]
        if not doubtful:
            return set()
        return {id(lease) for lease in self._consumer.extend(doubtful, self._lease)}

    def _after(self, step: Step) -> Record:
        word = self._words.last(step.queue)
        waits_here = self._telling.waits_here(step)
        now, epoch = self._clock.time(), word.purging or word.epoch
        return settled(step, now, epoch, waits_here=waits_here)

    def _postpone(self, steps: Sequence[Step]) -> None:
        """Put into the store what comes again later."""
        for step in steps:
            record = step.record
            entry = Entry(
                record.generation,
                record.priority,
                step.hold.message.body,
                step.hold.message.key,
                step.hold.message.key_ttl,
            )
            self._agenda.add(step.queue, [(step.id, record.due, entry)])
