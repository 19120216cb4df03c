"""What the backend of a pair is told of a lease that the store has heard of, and what that says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress

from msgspec.structs import replace

from anyjob.backends.paired.agenda import Agenda
from anyjob.backends.paired.ledger import Ledger
from anyjob.backends.paired.records import Change, Phase
from anyjob.backends.paired.steps import Step
from anyjob.backends.paired.words import Words
from anyjob.core.backend import Consumer
from anyjob.core.errors import BackendError
from anyjob.core.settlement import (
    Abandon,
    Answer,
    Bury,
    Complete,
    Release,
    Retry,
    Settlement,
)


class Telling:
    """Ends leases with the backend of one consumer; under its sending lock."""

    def __init__(self, consumer: Consumer, ledger: Ledger, words: Words, agenda: Agenda) -> None:
        self._consumer = consumer
        self._ledger = ledger
        self._words = words
        self._agenda = agenda

    def waits_here(self, step: Step) -> bool:
        """Whether its job waits in the store from now on."""
        return step.delay > 0 and self._agenda.takes(step.delay)

    def inner(self, step: Step) -> Settlement:
        """What the backend is told."""
        # What the store was told already stands, whatever is asked now.
        kind, lease = step.hold.settled or step.settlement, step.hold.inner
        if self.waits_here(step):
            return Complete(lease=lease)
        match kind:
            case Bury():
                return Bury(lease=lease, note=kind.note, reason=kind.reason, ran=kind.ran)
            case Retry():
                return Retry(lease=lease, note=kind.note, delay=kind.delay)
            case Release():
                return Release(lease=lease, note=kind.note, delay=kind.delay)
            case Abandon():
                return Abandon(lease=lease, note=kind.note)
        return Complete(lease=lease)

    def tell(self, steps: Sequence[Step], deadline: float) -> None:
        told = [step.inner for step in steps if step.inner is not None]
        if told:
            self.conclude(steps, self.flushed(told, deadline))

    def flushed(self, told: Sequence[Settlement], deadline: float) -> dict[int, Answer]:
        """What the backend answers to each, by identity; those it did not answer are still held,
        and may be settled again.
        """
        try:
            self._consumer.settle(told)
            return {id(each.settlement): each.answer for each in self._consumer.flush(deadline)}
        except BackendError:
            return {}

    def conclude(self, steps: Sequence[Step], answers: Mapping[int, Answer]) -> None:
        left: list[Step] = []
        for step in steps:
            answer = answers.get(id(step.inner), Answer.UNKNOWN)
            if step.answer is None:
                step.answer = self._answer(step, answer)
                if step.answer is Answer.DONE and answer is not Answer.DONE:
                    left.append(step)
        with suppress(BackendError):
            self._leave_behind(left)

    def _leave_behind(self, steps: Sequence[Step]) -> None:
        """The messages of these are there still: none is to outlive what is known of its job."""
        for step in steps:
            self._words.change(
                step.queue, lambda word: replace(word, superfluous=word.superfluous + 1)
            )
        self._ledger.write(
            [
                Change(step.queue, step.id, step.record, step.hold.version)
                for step in steps
                if step.record.is_over and step.record.phase is not Phase.DEAD
            ]
        )

    def _answer(self, step: Step, answer: Answer) -> Answer:
        """What the caller is told: where the store has decided, a lost message changes nothing."""
        is_decided = step.is_over or self.waits_here(step)
        return Answer.DONE if answer is Answer.LEASE_LOST and is_decided else answer
