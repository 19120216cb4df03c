"""What stores jobs: the commands that leave together, and what their replies say."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import chain
from typing import Any, TypeVar

from anyjob.backends.redis.encode import milliseconds, runs
from anyjob.backends.redis.errors import PASSING
from anyjob.backends.redis.link import ANSWER_SECONDS, Link, Uncertain
from anyjob.backends.redis.resp import ReplyError, Word
from anyjob.backends.redis.scripts import ENQUEUE, Call, Command, Plain
from anyjob.core.envelope import ACCEPTED, Duplicate, Envelope, Receipt
from anyjob.core.errors import AnyjobError, EnqueueUncertain

#: Replicas have so long to take what was enqueued, where the URL asks for them.
_REPLICA_SECONDS = 1.0
#: Refusals that are the same whatever is asked for.
_OF_ALL = PASSING | {"OOM", "MISCONF", "NOAUTH", "READONLY", "MOVED", "ASK"}

T = TypeVar("T")

Jobs = Sequence[Envelope]
#: What is known of a job: its receipt, the refusal of what would have stored it, or an error.
Said = Receipt | ReplyError | AnyjobError
#: What a call is told: a receipt for each of its jobs, or why there are none.
Told = list[Receipt] | Exception


class Storing:
    """Calls of at least one job each on their way to the server, each of which is stored or refused
    by itself.

    On a Cluster, queues that no script has together have a script each: then some jobs of a call
    may be stored and others not.
    """

    def __init__(self, link: Link, *calls: Jobs, lists: bool = True) -> None:
        """`lists`: whether what puts the queues into the list of all goes along."""
        self._link = link
        self._jobs = calls[0] if len(calls) == 1 else [*chain(*calls)]
        self._queues = {job.queue for job in self._jobs}
        self._replicas = link.location.wait_replicas
        #: What is sent, in one go.
        self.commands: list[Command] = link.listing(sorted(self._queues)) if lists else []
        self._lists = len(self.commands)
        #: Of each script, where its reply stands, and the places of its jobs.
        self._scripts: list[tuple[int, Sequence[int]]] = []
        #: Of each wait for replicas, where its reply stands, and the scripts that it is about.
        self._waits: list[tuple[int, list[tuple[int, Sequence[int]]]]] = []
        #: Whether a job of those that `said` told of was refused, or is in doubt.
        self.has_failed = False
        if len(calls) == 1 and len(self._queues) == 1:
            self._add([range(len(self._jobs))])
        else:
            self._divide(calls)

    def _divide(self, calls: Sequence[Jobs]) -> None:
        """What each call has for queues that a script may have together is a script."""
        for group in self._link.groups(self._queues):
            first, parts = 0, []
            for call in calls:
                own = range(first, first + len(call))
                first += len(call)
                parts.append([at for at in own if self._jobs[at].queue in group])
            self._add([part for part in parts if part])

    def _add(self, parts: Sequence[Sequence[int]]) -> None:
        """A script for each of these parts, and a wait for the replicas of them all."""
        scripts: list[tuple[int, Sequence[int]]] = []
        for part in parts:
            is_all = len(part) == len(self._jobs)
            scripts.append((len(self.commands), part))
            jobs = self._jobs if is_all else [self._jobs[at] for at in part]
            self.commands.append(_script(self._link, jobs))
        self._scripts += scripts
        if self._replicas:
            self._waits.append((len(self.commands), scripts))
            wait = (b"WAIT", self._replicas, milliseconds(_REPLICA_SECONDS))
            self.commands.append(Plain(wait))

    def receipts(self, replies: Sequence[Any]) -> list[Receipt]:
        """What became of each job of the one call there is, by the replies to `commands`.

        Raises the error of ours if it was refused, which may ask the server for the rights that
        are missing; EnqueueUncertain if a part was, or if too few replicas have it.
        """
        said = self.said(replies)
        if not self.has_failed:
            return said
        [found] = told_of(self._link, [self._jobs], [said])
        if isinstance(found, Exception):
            raise found
        return found

    def said(self, replies: Sequence[Any]) -> list[Any]:
        """What is known of each job, by the replies to `commands`, in which an error of ours may
        stand for one that did not come: each a `Said`, or all receipts unless it `has_failed`.
        """
        # Stored is stored, whether the queue was put into the list or will be with the next.
        if self._lists and not isinstance(replies[0], Exception):
            self._link.listed(self._queues)
        found: list[Any] = [None] * len(self._jobs)
        for place, part in self._scripts:
            reply = replies[place]
            if isinstance(reply, Exception):
                self.has_failed = True
                for at in part:
                    found[at] = reply
            else:
                for at, answer in zip(part, reply, strict=True):
                    found[at] = ACCEPTED if answer == 1 else _duplicate(self._jobs[at], answer)
        for place, scripts in self._waits:
            self._note_replicas(replies[place], scripts, found)
        return found

    def _note_replicas(
        self, reached: Any, scripts: Sequence[tuple[int, Sequence[int]]], found: list[Any]
    ) -> None:
        if not isinstance(reached, Exception) and reached >= self._replicas:
            return
        self.has_failed = True
        doubt = EnqueueUncertain(
            f"the jobs are stored on {self._link.location.shown} and have not reached"
            f" {self._replicas} replicas within {_REPLICA_SECONDS:g} s ({reached}); sending"
            " them again does no harm",
            self._jobs,
        )
        for at in (at for _, own in scripts for at in own):
            if not isinstance(found[at], Exception):
                found[at] = doubt


def store_together(
    link: Link, calls: Sequence[Jobs], deadline: float, *, lists: bool
) -> list[Told]:
    """Store calls by as few scripts as there can be, and what is refused then, each by itself;
    blocks. What each is told, in their order.
    """
    said = _ask(link, Storing(link, [*chain(*calls)], lists=lists), calls, deadline)
    alone = [
        at
        for at, own in enumerate(said)
        if any(isinstance(each, ReplyError) and is_of_one(each) for each in own)
    ]
    if len(calls) > 1 and alone and time.monotonic() + ANSWER_SECONDS < deadline:
        some = [calls[at] for at in alone]
        again = _ask(link, Storing(link, *some, lists=lists), some, deadline)
        for at, own in zip(alone, again, strict=True):
            said[at] = own
    return told_of(link, calls, said)


def store_apart(link: Link, calls: Sequence[Jobs], deadline: float, *, lists: bool) -> list[Told]:
    """Store calls by a script each, at once; blocks. What each is told, in their order."""
    return told_of(link, calls, _ask(link, Storing(link, *calls, lists=lists), calls, deadline))


def _ask(link: Link, storing: Storing, calls: Sequence[Jobs], deadline: float) -> list[list[Said]]:
    seconds = max(0.0, deadline - time.monotonic())
    return divided(storing.said(link.tell_each(storing.commands, seconds=seconds)), calls)


def divided(said: list[T], calls: Sequence[Jobs]) -> list[list[T]]:
    """What is known of the jobs of each call, from what is known of them all."""
    if len(calls) == 1:
        return [said]
    found, first = [], 0
    for call in calls:
        found.append(said[first : first + len(call)])
        first += len(call)
    return found


def is_of_one(refusal: ReplyError) -> bool:
    """Whether it may have been one call of a lot that all of it was refused for."""
    return refusal.code not in _OF_ALL


def told_of(link: Link, calls: Sequence[Jobs], said: Sequence[Sequence[Said]]) -> list[Told]:
    """What to tell each call; may ask the server for the rights that are missing."""
    refusals: dict[str, AnyjobError] = {}
    for each in chain(*said):
        if isinstance(each, ReplyError) and str(each) not in refusals:
            refusals[str(each)] = link.refusal(each)
    return [
        told(call, [refusals[str(each)] if isinstance(each, ReplyError) else each for each in own])
        for call, own in zip(calls, said, strict=True)
    ]


def told(jobs: Jobs, said: Sequence[Receipt | AnyjobError]) -> Told:
    """What to tell the caller of these jobs."""
    failures = [each for each in said if isinstance(each, Exception)]
    if not failures:
        return [each for each in said if not isinstance(each, Exception)]
    for failure in failures:
        if isinstance(failure, Uncertain | EnqueueUncertain):
            return uncertain(failure, jobs)
    error = failures[0]
    if len(failures) == len(said):
        return error
    return EnqueueUncertain(f"a part of the jobs is stored, and another is not: {error}", jobs)


def uncertain(error: Exception, jobs: Jobs) -> EnqueueUncertain:
    """The doubt about a lot, as it is told to the caller of these."""
    own = EnqueueUncertain(str(error), jobs)
    own.__cause__ = error
    return own


def _script(link: Link, jobs: Jobs) -> Call:
    """The script that stores these jobs: the lean one, if they are as most jobs are."""
    first = jobs[0]
    if all(
        job.due is None
        and job.unique is None
        and job.priority == first.priority
        and job.queue == first.queue
        for job in jobs
    ):
        pairs: list[Word] = [word for job in jobs for word in (job.id, job.body)]
        return link.ready_call(first.queue, first.priority, pairs)
    names = sorted({job.queue for job in jobs})
    count, words = runs(jobs, {name: number for number, name in enumerate(names, 1)})
    return link.call(ENQUEUE, names, [count, *words])


def _duplicate(job: Envelope, answer: int | bytes) -> Duplicate:
    return Duplicate(job.id if answer == 0 else answer.decode())  # type: ignore[union-attr]
