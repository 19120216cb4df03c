"""Background jobs with one meaning on every backend."""

from anyjob.app import App
from anyjob.core.attempt import Attempt, Progress, current_job
from anyjob.core.control import Bury, Discard, RetryLater, Snooze
from anyjob.core.draft import Draft
from anyjob.core.envelope import Rejected
from anyjob.core.errors import (
    AnyjobError,
    BackendCorrupt,
    BackendError,
    BackendFull,
    BackendUnavailable,
    ConfigurationError,
    DecodeError,
    EnqueueRejected,
    EnqueueUncertain,
    InvalidArguments,
    InvalidOption,
    JobCancelled,
    JobDead,
    JobExpired,
    JobNotFound,
    LeaseLost,
    Misuse,
    PayloadTooLarge,
    ResultError,
    ResultNotKept,
    ResultTimeout,
    TaskNotFound,
    TimeLimitExceeded,
    UnsupportedCapability,
)
from anyjob.core.events import Event
from anyjob.core.job import Job
from anyjob.core.middleware import Middleware
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
from anyjob.core.retry import Retry
from anyjob.core.state import State

# A literal, because importlib.metadata would cost every import some milliseconds.
__version__ = "0.1.0"

__all__ = [
    "AnyjobError",
    "App",
    "Attempt",
    "BackendCorrupt",
    "BackendError",
    "BackendFull",
    "BackendUnavailable",
    "Buried",
    "Bury",
    "Cancelled",
    "ConfigurationError",
    "DecodeError",
    "Discard",
    "Discarded",
    "Draft",
    "EnqueueRejected",
    "EnqueueUncertain",
    "Event",
    "Expired",
    "Failed",
    "InvalidArguments",
    "InvalidOption",
    "Job",
    "JobCancelled",
    "JobDead",
    "JobExpired",
    "JobNotFound",
    "LeaseLost",
    "Middleware",
    "Misuse",
    "Outcome",
    "PayloadTooLarge",
    "Progress",
    "Rejected",
    "Released",
    "ResultError",
    "ResultNotKept",
    "ResultTimeout",
    "Retry",
    "RetryLater",
    "Snooze",
    "Snoozed",
    "State",
    "Succeeded",
    "TaskNotFound",
    "TimeLimitExceeded",
    "UnsupportedCapability",
    "current_job",
]
