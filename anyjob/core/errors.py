"""Every error that leaves anyjob, split by who can act on it.

AnyjobError
├── ConfigurationError           the programmer: fix the code or the configuration
│   ├── UnsupportedCapability    what a job needs, neither the backend nor a store can give
│   ├── InvalidArguments         the arguments do not fit the task's signature or type hints
│   ├── InvalidOption            an option is unknown or out of range
│   └── Misuse                   a closed, unopened or forked object was used
├── BackendError                 the operator: mend the broker, the disk, the network
│   ├── BackendUnavailable       it did not answer in time; trying again may help
│   ├── BackendFull              it has no room; running jobs still settle
│   ├── BackendCorrupt           what is stored there is damaged, foreign or newer than this release
│   └── EnqueueUncertain         zero or one job was stored; a resend keeps the ids
├── LeaseLost                    nobody: another worker may be running the job
├── PayloadTooLarge              the caller: send a reference instead
├── DecodeError                  the bytes are no job of ours
│   └── NewerVersion             they are one in a newer wire format; a newer worker can run it
├── TaskNotFound                 no such task is registered
├── JobNotFound                  no such job is stored
├── EnqueueRejected              a middleware or the backend refused this job
├── TimeLimitExceeded            the attempt ran past its timeout
└── ResultError                  a job ended, or went on, without a result to return
    ├── JobDead                  it was buried
    ├── JobCancelled             it was cancelled
    ├── JobExpired               it expired before it was run
    ├── ResultTimeout            it is not done yet
    └── ResultNotKept            it is done and its result is gone, or it never was
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class AnyjobError(Exception):
    """The root of every error of ours."""

    #: Whether the same call may succeed later without anybody changing anything.
    retryable: bool = False
    #: What `enqueue_many` had answered before it raised this, in order.
    stored: Sequence[Any] = ()


class ConfigurationError(AnyjobError):
    """Raised when the program or its configuration asks for something that cannot be."""


class UnsupportedCapability(ConfigurationError):
    """Raised before any effect when neither the backend nor a store can do what was asked."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        #: The field of `Capabilities` that is missing.
        self.name = name


class InvalidArguments(ConfigurationError):
    """Raised when arguments do not fit a task's signature or type hints."""


class InvalidOption(ConfigurationError):
    """Raised when an option, or what a call is given, is unknown, of the wrong type or out of
    range.
    """


class Misuse(ConfigurationError):
    """Raised when an object is used before it is open, after it is closed, or in a forked child."""


class BackendError(AnyjobError):
    """Raised when the broker, the disk or the network stands in the way."""


class BackendUnavailable(BackendError):
    """Raised when a backend or store did not answer by the deadline; the call changed nothing."""

    retryable = True


class BackendFull(BackendError):
    """Raised when a backend has no room for more jobs; settling goes on."""

    retryable = True


class BackendCorrupt(BackendError):
    """Raised when the stored state is damaged, not ours, or written by a newer release."""


class EnqueueUncertain(BackendError):
    """Raised when an enqueue may or may not have been stored; resending the same ids is safe."""

    retryable = True

    def __init__(self, message: str, envelopes: Sequence[Any] = ()) -> None:
        super().__init__(message)
        #: What was sent, with the ids it was sent under.
        self.envelopes = tuple(envelopes)


class LeaseLost(AnyjobError):
    """Raised when a lease ended before its holder was done; another worker may have the job."""


class PayloadTooLarge(AnyjobError):
    """Raised before any effect when a job is larger than the backend or the application allows."""


class DecodeError(AnyjobError):
    """Raised when bytes are not a job that this release understands."""


class NewerVersion(DecodeError):
    """Raised when a job was written in a newer wire format than this release reads."""


class TaskNotFound(AnyjobError):
    """Raised when no task of that name or alias is registered."""


class JobNotFound(AnyjobError):
    """Raised when a queue holds no job of that id."""


class EnqueueRejected(AnyjobError):
    """Raised when a middleware or the backend refused one job."""


class TimeLimitExceeded(AnyjobError):
    """The error of an attempt that ran past its timeout."""


class ResultError(AnyjobError):
    """Raised when a job has no result to return; the subclass says why."""


class JobDead(ResultError):
    """Raised when the job was buried; `reason` and `error` tell why."""

    def __init__(self, message: str, *, reason: str = "", error: str = "") -> None:
        super().__init__(message)
        self.reason = reason
        self.error = error


class JobCancelled(ResultError):
    """Raised when the job was cancelled."""


class JobExpired(ResultError):
    """Raised when the job was not started before it expired."""


class ResultTimeout(ResultError, TimeoutError):
    """Raised when the job had not ended by the given timeout."""

    retryable = True


class ResultNotKept(ResultError):
    """Raised when the job ended and its result is kept no longer, or no such job is known."""


def shown(value: object) -> str:
    """Return a value as a message shows it: its repr, at most 100 characters, whatever it is."""
    try:
        text = repr(value[:100] if isinstance(value, str | bytes) else value)
    except Exception as error:  # user code: a repr may raise anything
        text = f"<{type(value).__qualname__} whose repr raised {type(error).__qualname__}>"
    return text if len(text) <= 100 else f"{text[:99]}…"
