"""What a task raises to say how its attempt ends; a result is what it returns."""

from __future__ import annotations

from datetime import datetime

from anyjob.core.durations import Duration, seconds


class TaskControl(Exception):
    """The root of what a task raises on purpose. Not an AnyjobError: nothing went wrong."""


class RetryLater(TaskControl):
    """The attempt failed and wants another after a time of its own choice.

    `after` is seconds, a timedelta, an aware datetime or the text of a Retry-After header. It
    counts as a failed attempt; a task without a retry policy gets `Retry()`'s number of them.
    """

    def __init__(self, after: Duration | datetime | str, reason: str = "") -> None:
        super().__init__(reason or f"retry after {after}")
        self.after = after


class Snooze(TaskControl):
    """Run the job again after `delay`; no attempt is used."""

    def __init__(self, delay: Duration) -> None:
        self.delay = seconds(delay, "the delay of Snooze")
        super().__init__(f"snooze for {self.delay:g} s")


class Discard(TaskControl):
    """The job is not needed any more: it ends as cancelled, `reason` is logged."""

    def __init__(self, reason: str = "") -> None:
        super().__init__(reason or "discarded by its task")
        self.reason = str(self)


class Bury(TaskControl):
    """Trying again is pointless: the job goes to the dead letters with `reason`."""

    def __init__(self, reason: str = "") -> None:
        super().__init__(reason or "buried by its task")
        self.reason = str(self)
