"""What stores jobs: the commands that leave together, and what their replies say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from anyjob.backends.redis.encode import milliseconds, runs
from anyjob.backends.redis.link import Link
from anyjob.backends.redis.resp import ReplyError, Word
from anyjob.backends.redis.scripts import ENQUEUE, Call, Command, Plain
from anyjob.core.envelope import ACCEPTED, Duplicate, Envelope, Receipt
from anyjob.core.errors import EnqueueUncertain

#: Replicas have so long to take what was enqueued, where the URL asks for them.
_REPLICA_SECONDS = 1.0


class Storing:
    """One lot of jobs, at least one, on its way to the server.

    On a Cluster, queues that no script has together have a script each: then some jobs may be
    stored and others not.
    """

    def __init__(self, link: Link, jobs: Sequence[Envelope]) -> None:
        self._link = link
        self._jobs = jobs
        self._queues = {job.queue for job in jobs}
        self._groups = link.groups(self._queues) if len(self._queues) > 1 else [[jobs[0].queue]]
        listing = link.listing(sorted(self._queues))
        #: Where the reply of the first script stands that stores them.
        self.at = len(listing)
        self._replicas = link.location.wait_replicas
        wait = Plain((b"WAIT", self._replicas, milliseconds(_REPLICA_SECONDS)))
        self._waits = [wait] if self._replicas else []
        #: What is sent, in one go.
        self.commands: list[Command] = listing
        if len(self._groups) == 1:
            self.commands += [self._script(jobs, self._queues), *self._waits]
        else:
            for queues in self._groups:
                lot = [job for job in jobs if job.queue in queues]
                self.commands += [self._script(lot, set(queues)), *self._waits]

    def receipts(self, replies: Sequence[Any]) -> list[Receipt]:
        """What became of each job, by the replies to `commands`.

        Raises the error of ours if they were refused, which may ask the server for the rights that
        are missing; EnqueueUncertain if a part was, or if too few replicas have them.
        """
        # Stored is stored, whether the queue was put into the list or will be with the next.
        if self.at and not isinstance(replies[0], ReplyError):
            self._link.listed(self._queues)
        step = 1 + len(self._waits)
        answers = replies[self.at :: step]
        self._check(answers)
        if self._waits:
            for reached in replies[self.at + 1 :: step]:
                self._check_replicas(reached)
        if len(answers) == 1:
            return [_receipt(job, it) for job, it in zip(self._jobs, answers[0], strict=True)]
        following = {
            queue: some
            for queues, some in zip(self._groups, map(iter, answers), strict=True)
            for queue in queues
        }
        return [_receipt(job, next(following[job.queue])) for job in self._jobs]

    def _script(self, jobs: Sequence[Envelope], queues: set[str]) -> Call:
        """The script that stores these jobs: the lean one, if they are as most jobs are."""
        first = jobs[0]
        if len(queues) == 1 and all(
            job.due is None and job.unique is None and job.priority == first.priority
            for job in jobs
        ):
            pairs: list[Word] = [word for job in jobs for word in (job.id, job.body)]
            return self._link.ready_call(first.queue, first.priority, pairs)
        names = sorted(queues)
        count, words = runs(jobs, {name: number for number, name in enumerate(names, 1)})
        return self._link.call(ENQUEUE, names, [count, *words])

    def _check(self, answers: Sequence[Any]) -> None:
        refusals = [answer for answer in answers if isinstance(answer, ReplyError)]
        if len(refusals) == len(answers):
            self._link.check(refusals)
        if refusals:
            raise EnqueueUncertain(
                "a part of the jobs is stored, and another is not:"
                f" {self._link.refusal(refusals[0])}",
                self._jobs,
            )

    def _check_replicas(self, reached: Any) -> None:
        if isinstance(reached, ReplyError) or reached < self._replicas:
            raise EnqueueUncertain(
                f"the jobs are stored on {self._link.location.shown} and have not reached"
                f" {self._replicas} replicas within {_REPLICA_SECONDS:g} s ({reached}); sending"
                " them again does no harm",
                self._jobs,
            )


def _receipt(job: Envelope, answer: int | bytes) -> Receipt:
    if answer == 1:
        return ACCEPTED
    return Duplicate(job.id if answer == 0 else answer.decode())  # type: ignore[union-attr]
