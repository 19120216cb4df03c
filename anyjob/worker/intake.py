"""What is to become of fetched leases, a lot at a time: decode, look up, verdict, admit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from anyjob.core.attempt import Attempt, Progress
from anyjob.core.clock import Clock
from anyjob.core.errors import DecodeError, InvalidOption, NewerVersion
from anyjob.core.middleware import Middleware, overrides
from anyjob.core.note import short
from anyjob.core.outcome import Buried, Cancelled, Expired, Outcome, Released
from anyjob.core.settlement import Lease, Verdict
from anyjob.core.task import Registry
from anyjob.core.verdict import verdict_of
from anyjob.core.wire import Body, decode_body
from anyjob.worker.judgement import Judgement
from anyjob.worker.log import Log
from anyjob.worker.settings import WorkerSettings

#: How long a job waits that cannot be run here yet: it grows from the first to the second.
_FIRST_WAIT = 1.0
_LONGEST_WAIT = 60.0
#: Seconds after which an older worker gives up on a newer wire format.
_NEWER_GRACE = 3600.0
#: How long a lot waits whose middleware could not say whether it may run.
_ADMIT_WAIT = 5.0


class Intake:
    """Turns leases into attempts that may run, and settles the rest. For the fetch thread alone."""

    def __init__(
        self,
        registry: Registry,
        middleware: Sequence[Middleware],
        settings: WorkerSettings,
        clock: Clock,
        judgement: Judgement,
        report: Callable[[Attempt, Progress], None],
        log: Log,
    ) -> None:
        self._registry = registry
        self._admitting = [one for one in middleware if overrides(one, "admit")]
        self._settings = settings
        self._clock = clock
        self._judgement = judgement
        self._report = report
        self._log = log
        self._first_seen: dict[str, float] = {}

    def take(self, leases: Sequence[Lease], lease_deadline: float) -> list[Attempt]:
        """Return the attempts that may run, in the order of their leases."""
        attempts = [
            attempt
            for lease in leases
            if (attempt := self._attempt(lease, lease_deadline)) is not None
        ]
        if self._admitting and attempts:
            return self._admitted(attempts)
        return attempts

    def _attempt(self, lease: Lease, lease_deadline: float) -> Attempt | None:
        body = self._decoded(lease)
        if body is None:
            return None
        # Whatever the message calls it: the registry holds names of our grammar alone.
        task = self._registry.find(body.task)
        if task is None:
            self._judgement.settle_unrun(lease, self._unknown(body.task))
            return None
        attempt = Attempt(task, lease, body, self._clock, self._report)
        attempt.lease_deadline = lease_deadline
        verdict = verdict_of(lease, body, self._settings.max_redeliveries)
        if verdict is not Verdict.RUN:
            self._judgement.settle(attempt, _OUTCOMES[verdict])
            return None
        if body.options and not self._reads_options(attempt):
            return None
        return attempt

    def _reads_options(self, attempt: Attempt) -> bool:
        """Whether the options are what the middleware declared, so that none trips over them."""
        try:
            attempt.options  # noqa: B018 - reading checks
        except InvalidOption as error:
            self._judgement.settle(attempt, Buried("options", error, ran=False))
            return False
        return True

    def _decoded(self, lease: Lease) -> Body | None:
        if lease.verdict is Verdict.UNDECODABLE:
            self._judgement.settle_unrun(lease, _OUTCOMES[Verdict.UNDECODABLE])
            return None
        try:
            return decode_body(lease.body, self._settings.max_payload)
        except NewerVersion as error:
            self._judgement.settle_unrun(lease, self._newer(error))
        except DecodeError as error:
            self._judgement.settle_unrun(lease, Buried("undecodable", error, ran=False))
        return None

    def _unknown(self, name: str) -> Outcome:
        """Wait for a worker that knows the task, as in a rolling deploy; then bury."""
        waited = self._waited(f"task {name}")
        if waited >= self._settings.unknown_task_grace:
            return Buried("unknown task", ran=False)
        self._log.trouble(
            "task.unknown",
            "no task %r is registered here; its jobs go back for other workers"
            " and are buried in %.0f s",
            name,
            self._settings.unknown_task_grace - waited,
        )
        return Released(_growing(waited))

    def _newer(self, error: NewerVersion) -> Outcome:
        waited = self._waited(str(error))
        if waited >= _NEWER_GRACE:
            return Buried("newer wire format", error, ran=False)
        self._log.trouble("job.newer", "%s; its jobs go back for newer workers", error)
        return Released(_growing(waited))

    def _waited(self, what: str) -> float:
        """Return the seconds since this worker first met `what`."""
        now = self._clock.monotonic()
        if len(self._first_seen) > 10_000:
            self._first_seen.clear()
        return now - self._first_seen.setdefault(what, now)

    def _admitted(self, attempts: list[Attempt]) -> list[Attempt]:
        for one in self._admitting:
            try:
                refused = _outcomes(one.admit(attempts))
            except (
                BaseException
            ) as error:  # user code: fail closed, the lot waits and uses no attempt
                self._log.trouble(
                    "admit.failed",
                    "admit() of %s failed, %d jobs go back for %.0f s: %s",
                    type(one).__name__,
                    len(attempts),
                    _ADMIT_WAIT,
                    short(error),
                )
                refused = dict.fromkeys(attempts, Released(_ADMIT_WAIT))
            for attempt, outcome in refused.items():
                self._judgement.settle(attempt, outcome)
            attempts = [attempt for attempt in attempts if attempt not in refused]
        return attempts


_OUTCOMES: dict[Verdict, Outcome] = {
    Verdict.POISON: Buried("poison", ran=False),
    Verdict.EXPIRED: Expired(),
    Verdict.CANCELLED: Cancelled(),
    Verdict.UNDECODABLE: Buried("undecodable", ran=False),
}


def _outcomes(refused: Mapping[Attempt, Outcome]) -> dict[Attempt, Outcome]:
    for outcome in refused.values():
        if not isinstance(outcome, Outcome):
            raise TypeError(f"expected admit() to map attempts to outcomes, got {outcome!r}")
    return dict(refused)


def _growing(waited: float) -> float:
    return min(_LONGEST_WAIT, max(_FIRST_WAIT, waited / 2))
