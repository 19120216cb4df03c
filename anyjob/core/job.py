"""The handle of a stored job, in the enqueuing program's hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import msgspec

from anyjob.core.durations import Duration, seconds
from anyjob.core.state import State

if TYPE_CHECKING:
    from anyjob.core.attempt import Progress

R_co = TypeVar("R_co", covariant=True)


class JobDoor(Protocol):
    """What a handle asks its app."""

    def result_of(self, job: Job[Any], timeout: float | None) -> Any: ...
    async def aresult_of(self, job: Job[Any], timeout: float | None) -> Any: ...
    def status_of(self, job: Job[Any]) -> State: ...
    def progress_of(self, job: Job[Any]) -> Progress | None: ...
    def cancel_job(self, job: Job[Any]) -> bool: ...


class Job(msgspec.Struct, Generic[R_co], frozen=True, eq=False, gc=False):
    """A stored job. Equal to another handle of the same job; any thread may use it."""

    _door: JobDoor
    id: str
    queue: str
    #: The task's name; empty where the handle was made from an id alone.
    task: str = ""
    #: False if the unique key was held and this is the holder.
    created: bool = True

    def result(self, timeout: Duration | None = None) -> R_co:
        """Wait until the job succeeded and return what its task returned, typed by its return hint.

        Blocks up to `timeout` (None: without end). Raises ResultTimeout, JobDead, JobCancelled,
        JobExpired, or ResultNotKept when it ended longer ago than its result is kept, or is
        unknown.
        """
        return self._door.result_of(self, _timeout(timeout))  # type: ignore[no-any-return]

    async def aresult(self, timeout: Duration | None = None) -> R_co:
        """Do what `result` does without blocking the event loop."""
        return await self._door.aresult_of(self, _timeout(timeout))  # type: ignore[no-any-return]

    def status(self) -> State:
        """Return where the job stands; raises JobNotFound once it is remembered no longer."""
        return self._door.status_of(self)

    def progress(self) -> Progress | None:
        """Return what the task last said with `current_job().progress(...)`; None if it said
        nothing.
        """
        return self._door.progress_of(self)

    def cancel(self) -> bool:
        """End the job before it begins; False, and no effect, if it runs or has ended. Raises
        JobNotFound.
        """
        return self._door.cancel_job(self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Job) and (self.id, self.queue) == (other.id, other.queue)

    def __hash__(self) -> int:
        return hash(self.id)

    def __repr__(self) -> str:
        return f"<Job {self.task or '?'} {self.id} in {self.queue}>"


def _timeout(value: Duration | None) -> float | None:
    return None if value is None else seconds(value, "timeout")
