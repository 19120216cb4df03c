"""What follows once a settlement is answered: log line and event of each attempt."""

from __future__ import annotations

import logging
from typing import Any

from anyjob.core.attempt import Attempt
from anyjob.core.clock import Clock
from anyjob.core.events import Event, Subscribers
from anyjob.core.failpoints import reach
from anyjob.core.note import short
from anyjob.core.outcome import Buried, Failed
from anyjob.core.settlement import (
    Answer,
    Bury,
    Complete,
    End,
    Release,
    Retry,
    Settled,
    Settlement,
)
from anyjob.worker.held import Finished
from anyjob.worker.log import LOGGER, Log, facts_of


class After:
    """Tells people and subscribers how attempts ended. For the keep thread alone."""

    def __init__(self, subscribers: Subscribers, clock: Clock, log: Log, backend: str = "") -> None:
        """`backend` is the name of the one of several that it is about."""
        self._backend = backend
        self._subscribers = subscribers
        self._clock = clock
        self._log = log

    def told(self, answers: list[tuple[Finished, Settled]]) -> None:
        """Write and tell what became of a lot."""
        hears_all = bool(self._subscribers) or LOGGER.isEnabledFor(logging.INFO)
        for finished, settled in answers:
            if settled.answer is Answer.LEASE_LOST:
                self._lost(finished)
            elif hears_all or type(settled.settlement) is not Complete:
                self._ended(finished, settled.settlement)

    def reclaimed(self, attempt: Attempt) -> None:
        """Tell that a job came back after its lease was lost."""
        self.tell("job.reclaimed", attempt, redeliveries=attempt.redeliveries)

    def adopted(self, attempt: Attempt) -> None:
        """Tell that a job came back to the worker in which it still runs, and runs on there."""
        self._log.trouble(
            "lease.adopted",
            "the lease on job %s ran out while this worker stood still, and it was leased here"
            " again; its run goes on",
            attempt.id,
        )
        self.reclaimed(attempt)

    def tell(self, name: str, attempt: Attempt | None = None, **facts: Any) -> None:
        """Tell subscribers of an event, if anybody listens."""
        if not self._subscribers.wants(name):
            return
        about = facts_of(attempt) if attempt is not None else {}
        self._tell(name, facts, about)

    def _tell(self, name: str, facts: dict[str, Any], about: dict[str, Any]) -> None:
        self._subscribers.tell(
            Event(name, self._clock.time(), facts=facts, backend=self._backend, **about)
        )

    def _lost(self, finished: Finished) -> None:
        if finished.attempt is not None:
            self._log.dropped(finished.attempt, finished.outcome)
            self.tell("lease.lost", finished.attempt)

    def _ended(self, finished: Finished, settlement: Settlement) -> None:
        _reach_failpoint(settlement)
        name, level, text = _DESCRIPTIONS[type(settlement)](settlement)
        error = _error_of(finished)
        facts: dict[str, Any] = {"event": name, "seconds": round(finished.seconds, 6)}
        if error is not None:
            facts["error"] = short(error)
            text = f"{text}: {facts['error']}"
        about = (
            facts_of(finished.attempt) if finished.attempt is not None else _lease_facts(finished)
        )
        line = f"{about['task'] or 'a job'} {about['job']} {text}"
        self._log.ended(
            level,
            f"{line} (attempt {about['attempt']}, {finished.seconds:.3f} s)",
            **about,
            **facts,
        )
        if self._subscribers.wants(name):
            self._tell(name, facts, about)


def _reach_failpoint(settlement: Settlement) -> None:
    if type(settlement) is Retry:
        reach("worker.retry.after")
    elif type(settlement) is Bury:
        reach("worker.bury.after")


def _complete(_: Any) -> tuple[str, int, str]:
    return "job.succeeded", logging.INFO, "succeeded"


def _retry(settlement: Any) -> tuple[str, int, str]:
    return "job.retried", logging.WARNING, f"failed and runs again in {settlement.delay:.1f} s"


def _release(settlement: Any) -> tuple[str, int, str]:
    when = f"for {settlement.delay:.1f} s" if settlement.delay else "for another worker"
    return "job.released", logging.INFO, f"went back {when}, no attempt used"


def _bury(settlement: Any) -> tuple[str, int, str]:
    return (
        "job.dead",
        logging.ERROR,
        f"was buried ({settlement.reason}); `anyjob dead` shows and revives it",
    )


def _end(settlement: Any) -> tuple[str, int, str]:
    return f"job.{settlement.state}", logging.INFO, settlement.state


_DESCRIPTIONS: dict[type[Any], Any] = {
    Complete: _complete,
    Retry: _retry,
    Release: _release,
    Bury: _bury,
    End: _end,
}


def _error_of(finished: Finished) -> BaseException | None:
    if isinstance(finished.outcome, Failed | Buried):
        return finished.outcome.error
    return None


def _lease_facts(finished: Finished) -> dict[str, Any]:
    lease = finished.lease
    return {"job": lease.id, "task": "", "queue": lease.queue, "attempt": lease.attempt}
