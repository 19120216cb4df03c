"""From an ended attempt to its settlement: the steps `judge` and the encoding of `settle`."""

from __future__ import annotations

from random import Random

import msgspec

from anyjob.core import settlement as settlements
from anyjob.core.attempt import Attempt
from anyjob.core.clock import Clock
from anyjob.core.failpoints import reach
from anyjob.core.judge import Case, settlement_for
from anyjob.core.options import DEFAULT_KEEP
from anyjob.core.outcome import Buried, Failed, Outcome, Released, Succeeded
from anyjob.core.result import encode_success
from anyjob.core.retry import Retry
from anyjob.core.seam import check_seconds
from anyjob.core.settlement import Lease, Settlement
from anyjob.core.wire import Body
from anyjob.worker.held import LEASE_LOST, STOPPING, Finished, Held
from anyjob.worker.log import Log
from anyjob.worker.settings import WorkerSettings


class Judgement:
    """Decides what follows from outcomes. Any thread may call it."""

    def __init__(
        self,
        held: Held,
        settings: WorkerSettings,
        clock: Clock,
        random: Random,
        log: Log,
        *,
        keeps_results: bool = True,
    ) -> None:
        """`keeps_results`: whether the backend shows what a job came to; else nothing is left there
        to be shown, and who asks for a result is refused.
        """
        self._keeps_results = keeps_results
        self._held = held
        self._settings = settings
        self._clock = clock
        self._random = random
        self._log = log
        #: Whether some running attempt was ended and released because the worker stops.
        self.has_cut = False

    def conclude(self, attempt: Attempt, outcome: Outcome) -> bool:
        """Take a running attempt's outcome; False, without effect, if it was decided already."""
        if not self._held.end(attempt):
            self._held.strays.discard(attempt)
            self._log.late(attempt, outcome)
            self._held.on_room()
            return False
        if attempt.ending == LEASE_LOST:
            self._held.drop(attempt)
            self._log.dropped(attempt, outcome)
        else:
            if attempt.ending == STOPPING and isinstance(outcome, Failed):
                # Asked to stop, it gave up in its own way; that is no failure of the job.
                outcome = Released()
            self.has_cut |= attempt.ending == STOPPING and type(outcome) is Released
            self.settle(attempt, outcome)
        self._held.on_room()
        return True

    def settle(self, attempt: Attempt, outcome: Outcome) -> None:
        """Judge an attempt that nobody else decides, and queue its settlement."""
        lease = attempt.lease
        if type(outcome) is Succeeded:
            outcome = self._encoded(attempt, outcome)
        if type(outcome) is Succeeded and outcome.result is None:
            # As `settlement_for` has it: what most attempts end in needs no case to be made.
            settlement: Settlement = settlements.Complete(lease=lease)
        else:
            settlement = self._judged(self._case(attempt), outcome)
            _reach_failpoint(settlement)
        seconds = self._clock.monotonic() - attempt.started if attempt.started else 0.0
        self._held.finish(Finished(lease, attempt, outcome, settlement, seconds))

    def _judged(self, case: Case, outcome: Outcome) -> Settlement:
        try:
            settlement = settlement_for(case, outcome, self._random)
            # Of a retry or release; asked by name, as asking for the classes takes far longer.
            if (delay := getattr(settlement, "delay", None)) is not None:
                check_seconds(delay, "the delay of an outcome")
        except Exception as error:  # a middleware may return an outcome that holds anything
            return settlement_for(case, Buried("outcome", error), self._random)
        return self._shown(settlement)

    def _shown(self, settlement: Settlement) -> Settlement:
        if self._keeps_results or settlement.outcome is None:
            return settlement
        return msgspec.structs.replace(settlement, outcome=None)

    def _case(self, attempt: Attempt) -> Case:
        body, options = attempt.body, attempt.task.options
        return Case(
            lease=attempt.lease,
            retry=options.retry if body.retry is None else _overridden(options.retry, body),
            began=body.run_at or body.enqueued_at + (body.delay or 0.0),
            keep=_keep(attempt),
            worker=self._settings.name,
            now=self._clock.time(),
        )

    def settle_unrun(self, lease: Lease, outcome: Outcome) -> None:
        """Judge a lease that never became an attempt."""
        now = self._clock.time()
        case = Case(lease, None, now, 0.0, self._settings.name, now)
        settlement = self._shown(settlement_for(case, outcome, self._random))
        self._held.finish(Finished(lease, None, outcome, settlement, 0.0))

    def _encoded(self, attempt: Attempt, outcome: Succeeded) -> Outcome:
        if outcome.result is None:
            return outcome
        if not self._keeps_results:
            return Succeeded(None)
        try:
            result = attempt.task.signature.encode_result(outcome.result)
        # Encoding calls user code, such as a model's serializer; the effect has happened: no retry.
        except (Exception, SystemExit) as error:
            return Buried("result", error)
        if len(result) > self._settings.max_result:
            limit = self._settings.max_result
            return Buried(
                "result",
                ValueError(
                    f"expected a result of at most {limit} bytes, got {len(result)};"
                    " return a reference"
                ),
            )
        return Succeeded(self._kept(attempt, result))

    def _kept(self, attempt: Attempt, result: bytes) -> bytes:
        """The stored form: with the end of its time, where that may be shorter than a backend
        remembers ends anyway.
        """
        keep = _keep(attempt)
        if keep >= DEFAULT_KEEP:
            return encode_success(result)
        return encode_success(result if keep else b"null", self._clock.time() + keep)


def _keep(attempt: Attempt) -> float:
    own = attempt.body.keep
    return attempt.task.options.keep if own is None else own


def _reach_failpoint(settlement: Settlement) -> None:
    if type(settlement) is settlements.Retry:
        reach("worker.retry.before")
    elif type(settlement) is settlements.Bury:
        reach("worker.bury.before")


def _overridden(policy: Retry | None, body: Body) -> Retry | None:
    if isinstance(body.retry, bool) or body.retry is None:
        return policy if body.retry else None
    return (policy or Retry()).overridden_by(msgspec.structs.asdict(body.retry))
