"""Values that several tests of core begin with."""

from typing import Any

from anyjob.core.judge import Case
from anyjob.core.retry import Retry
from anyjob.core.settlement import Lease

NOW = 1_767_225_600.0


class StandingClock:
    """A clock that a test moves."""

    def __init__(self, now: float = NOW) -> None:
        self.now = now

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now - NOW + 100.0


def lease(**fields: Any) -> Lease:
    plain: dict[str, Any] = {
        "id": "01890a5d-ac96-774b-bcce-b302099a8057",
        "queue": "default",
        "token": 1,
        "body": b"{}",
        "priority": 5,
        "attempt": 1,
        "redeliveries": 0,
        "note": b"",
        "now": NOW,
        "until": NOW + 30,
    }
    return Lease(**(plain | fields))


def case(retry: Retry | None = None, **fields: Any) -> Case:
    plain: dict[str, Any] = {
        "lease": lease(),
        "retry": retry,
        "began": NOW - 10,
        "keep": 3600.0,
        "worker": "host-1",
        "now": NOW,
    }
    return Case(**(plain | fields))


def raised(error: BaseException) -> BaseException:
    """Return the error with a traceback, as a task leaves it."""
    try:
        raise error
    except BaseException as caught:
        return caught
