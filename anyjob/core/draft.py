"""A job before middleware and validation are done with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec

if TYPE_CHECKING:
    from anyjob.core.task import Task

R = TypeVar("R")


class Draft(msgspec.Struct, Generic[R], frozen=True, gc=False):
    """A task with bound arguments and the options of this one job; nothing is stored yet."""

    task: Task[..., R]
    arguments: msgspec.Struct
    #: Checked options that were given with `using(...)`.
    options: Mapping[str, Any]
    #: A connection of the caller's, to store the job in its transaction.
    transaction: Any = None

    def using(self, **options: Any) -> Draft[R]:
        """Return a copy with further options, as `Task.using` takes them; for middleware."""
        return msgspec.structs.replace(self, options={**self.options, **self.task.checked(options)})


AnyDraft = Draft[Any]
