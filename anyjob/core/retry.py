"""When a failed job runs again. Pure: the caller brings attempt, error, times and random source."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, get_args

import msgspec

from anyjob.core.durations import Duration, positive_seconds, seconds
from anyjob.core.errors import InvalidOption, shown

if TYPE_CHECKING:
    from random import Random

Backoff = Literal["fixed", "linear", "exponential"]
Jitter = bool | Literal["full", "equal"]
Exceptions = type[BaseException] | tuple[type[BaseException], ...]

MAX_ATTEMPTS = 1_000_000
MAX_FACTOR = 100
_LONGEST_HEADER = 64


class Retry(msgspec.Struct, frozen=True, kw_only=True):
    """Whether and when a failed attempt is followed by another.

    `max_attempts` counts every run, the first included. The n-th wait is `initial` (fixed),
    `initial * n` (linear) or `initial * factor ** (n - 1)` (exponential), at most `cap`. `jitter`
    "full" (True) draws from 0 to that wait, "equal" from its half to the whole, False keeps it.
    `budget` is the time since the job became due after which no further attempt is begun. Durations
    are seconds or timedeltas.

    `on` and `never` are exception types; an error must be one of `on` and none of `never`, and
    `when(error)`, if given, must be true. `rules` gives single exception types a policy of their
    own, or None for no retry; the nearest base class wins, and its `max_attempts` counts all
    attempts of the job too. Raises InvalidOption for a value out of range.
    """

    max_attempts: int = 5
    backoff: Backoff = "exponential"
    initial: Duration = 2.0
    factor: float = 2.0
    cap: Duration = 3600.0
    jitter: Jitter = True
    budget: Duration | None = None
    on: Exceptions = (BaseException,)
    never: Exceptions = ()
    when: Callable[[BaseException], bool] | None = None
    rules: Mapping[type[BaseException], Retry | None] = {}

    def __post_init__(self) -> None:
        _check_attempts(self.max_attempts)
        if self.backoff not in get_args(Backoff):
            raise InvalidOption(
                f"expected backoff to be 'fixed', 'linear' or 'exponential',"
                f" got {shown(self.backoff)}"
            )
        if self.jitter not in ("full", "equal") and not isinstance(self.jitter, bool):
            raise InvalidOption(
                f"expected jitter to be True, False, 'full' or 'equal', got {shown(self.jitter)}"
            )
        if not isinstance(self.factor, int | float) or not 1 <= self.factor <= MAX_FACTOR:
            raise InvalidOption(
                f"expected factor to be 1 to {MAX_FACTOR}, got {shown(self.factor)}"
            )
        seconds(self.initial, "initial")
        positive_seconds(self.cap, "cap")
        if self.budget is not None:
            positive_seconds(self.budget, "budget")
        _check_exceptions(self.on, "on")
        _check_exceptions(self.never, "never")
        if self.when is not None and not callable(self.when):
            raise InvalidOption(f"expected when to be callable or None, got {shown(self.when)}")
        _check_rules(self.rules)

    def policy_for(self, error: BaseException) -> Retry | None:
        """Return the policy that holds for `error`, or None if it is not to be retried."""
        for kind in type(error).__mro__:
            if kind in self.rules:
                return self.rules[kind]
        if not isinstance(error, self.on) or isinstance(error, self.never):
            return None
        if self.when is not None and not self.when(error):
            return None
        return self

    def wait_after(self, attempt: int, random: Random) -> float:
        """Return the seconds to wait after the failed attempt number `attempt`, jitter included."""
        wait = min(self._plain_wait(attempt), seconds(self.cap, "cap"))
        if self.jitter is False:
            return wait
        if self.jitter == "equal":
            return wait / 2 + random.uniform(0, wait / 2)
        return random.uniform(0, wait)

    def _plain_wait(self, attempt: int) -> float:
        initial = seconds(self.initial, "initial")
        if self.backoff == "fixed":
            return initial
        if self.backoff == "linear":
            return initial * attempt
        # The exponent is bounded, because a float overflows long after any cap was reached.
        return initial * self.factor ** min(attempt - 1, 100)

    def portable(self) -> dict[str, Any]:
        """Return what of it can travel with one job: everything but exception types and predicates.

        Raises InvalidOption if it has such rules: they belong to the task, because a message names
        no class.
        """
        plain = Retry()
        if (self.on, self.never, self.when, dict(self.rules)) != (
            plain.on,
            plain.never,
            plain.when,
            {},
        ):
            raise InvalidOption(
                "retry= of a single job has rules per exception, which cannot travel with it; put"
                " on=, never=, when= and rules= on the task"
            )
        return {
            "max_attempts": self.max_attempts,
            "backoff": self.backoff,
            "initial": seconds(self.initial, "initial"),
            "factor": float(self.factor),
            "cap": seconds(self.cap, "cap"),
            "jitter": self.jitter,
            "budget": None if self.budget is None else seconds(self.budget, "budget"),
        }

    def overridden_by(self, portable: Mapping[str, Any]) -> Retry:
        """Return this policy's rules per exception with the plain values of `portable`."""
        return msgspec.structs.replace(self, **portable)


def _check_attempts(value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_ATTEMPTS:
        raise InvalidOption(
            f"expected max_attempts to be an int from 1 to {MAX_ATTEMPTS}, got {shown(value)}"
        )


def _check_exceptions(value: object, name: str) -> None:
    kinds = value if isinstance(value, tuple) else (value,)
    for kind in kinds:
        if not (isinstance(kind, type) and issubclass(kind, BaseException)):
            raise InvalidOption(f"expected {name} to name exception types, got {shown(kind)}")


def _check_rules(rules: object) -> None:
    if not isinstance(rules, Mapping):
        raise InvalidOption(f"expected rules to map exception types, got {shown(rules)}")
    for kind, rule in rules.items():
        _check_exceptions((kind,), "rules")
        if rule is not None and not isinstance(rule, Retry):
            raise InvalidOption(f"expected a rule to be a Retry or None, got {shown(rule)}")


def retry_after(value: object, now: float) -> float:
    """Return the seconds to wait that a task or its error asks for.

    Takes seconds, a timedelta, an aware datetime, or the text of an HTTP Retry-After header (RFC
    9110, 10.2.3: seconds or a date). Past instants give 0. Raises InvalidOption.
    """
    if isinstance(value, str):
        value = _header(value)
    if isinstance(value, datetime):
        if value.utcoffset() is None:
            raise InvalidOption(f"expected an aware datetime to retry at, got the naive {value!r}")
        value = max(0.0, value.timestamp() - now)
    return seconds(value, "the time to retry after")


def _header(text: str) -> float | datetime:
    # It costs a program that imports us as much as everything else, and few jobs ask for it.
    from email.utils import parsedate_to_datetime

    # An HTTP date has 29 characters; what is much longer is not worth parsing.
    text = text[:_LONGEST_HEADER].strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        return parsedate_to_datetime(text)
    except Exception as error:  # besides ValueError, the parser lets its own slips out
        raise InvalidOption(
            f"expected Retry-After to be seconds or an HTTP date, got {shown(text)}"
        ) from error
