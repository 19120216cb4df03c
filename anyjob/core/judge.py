"""From the outcome of an attempt to its settlement. Pure: times and chance are arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

import msgspec

from anyjob.core import settlement
from anyjob.core.control import RetryLater
from anyjob.core.durations import seconds
from anyjob.core.note import Run, bounded, noted, short
from anyjob.core.outcome import (
    Buried,
    Cancelled,
    Discarded,
    Expired,
    Failed,
    Outcome,
    Released,
    Snoozed,
    Succeeded,
)
from anyjob.core.result import encode_end
from anyjob.core.retry import Retry, retry_after
from anyjob.core.settlement import Lease, Settlement

if TYPE_CHECKING:
    from random import Random

_MAX_REASON = 200


class Case(msgspec.Struct, frozen=True):
    """What a judgement needs to know of an attempt, beside its outcome."""

    lease: Lease
    retry: Retry | None
    #: When the job became worth running, in epoch seconds: where a retry budget begins.
    began: float
    #: How long its end is shown.
    keep: float
    #: Who ran it, for the history.
    worker: str
    #: Epoch seconds at which the attempt ended.
    now: float


def settlement_for(case: Case, outcome: Outcome, random: Random) -> Settlement:
    """Return the one settlement that follows; the result of a Succeeded is encoded JSON or None."""
    lease = case.lease
    match outcome:
        case Succeeded(result):
            # A job without a result leaves only the fact of its end, for as long as the backend
            # remembers ids.
            keep = 0.0 if result is None else case.keep
            return settlement.Complete(lease=lease, outcome=result, keep=keep)
        case Failed(error):
            return _after_failure(case, error, random)
        case Snoozed(delay):
            return settlement.Release(lease=lease, delay=delay, note=_note(case, "snoozed"))
        case Released(delay):
            return settlement.Release(lease=lease, delay=delay)
        case Buried(reason, error, ran):
            return _bury(case, reason, error, ran=ran)
        case Discarded(reason):
            end = encode_end(bounded(reason, _MAX_REASON))
            return settlement.End(lease=lease, state="cancelled", outcome=end, keep=case.keep)
        case Cancelled():
            return settlement.End(lease=lease, state="cancelled", keep=case.keep)
        case Expired():
            return settlement.End(lease=lease, state="expired", keep=case.keep)
        case _:
            assert_never(outcome)


def _after_failure(case: Case, error: BaseException, random: Random) -> Settlement:
    try:
        policy = _policy(case, error)
    except BaseException as surprise:  # user code: without the predicate's answer there is no retry
        return _bury(case, f"failed, and the policy's when= raised {short(surprise)}", error)
    if policy is None:
        return _bury(case, "failed", error)
    if case.lease.attempt >= policy.max_attempts:
        return _bury(case, "attempts used up", error)
    delay = _wanted_delay(error, case.now)
    if delay is None:
        delay = policy.wait_after(case.lease.attempt, random)
    if policy.budget is not None and case.now + delay > case.began + seconds(
        policy.budget, "budget"
    ):
        return _bury(case, "time budget used up", error)
    return settlement.Retry(lease=case.lease, delay=delay, note=_note(case, "retry", error))


def _policy(case: Case, error: BaseException) -> Retry | None:
    if isinstance(error, RetryLater):
        # Asking for a retry is having a policy, whatever the rules per exception say.
        return case.retry or Retry()
    return None if case.retry is None else case.retry.policy_for(error)


def _wanted_delay(error: BaseException, now: float) -> float | None:
    """Return the delay that the error itself asks for, by RetryLater or by a `retry_after`
    attribute.
    """
    try:
        wanted = (
            error.after if isinstance(error, RetryLater) else getattr(error, "retry_after", None)
        )
        return None if wanted is None else retry_after(wanted, now)
    except Exception:  # user code: a property may raise anything; a wish nobody can read is none
        return None


def _bury(case: Case, reason: str, error: BaseException | None, *, ran: bool = True) -> Settlement:
    return settlement.Bury(
        lease=case.lease,
        reason=bounded(reason, _MAX_REASON),
        ran=ran,
        note=_note(case, "dead", error),
        keep=case.keep,
    )


def _note(case: Case, ended: str, error: BaseException | None = None) -> bytes:
    run = Run(
        at=case.now,
        attempt=case.lease.attempt,
        ended=ended,
        error="" if error is None else short(error),
        worker=case.worker,
    )
    return noted(case.lease.note, run, error)
