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
        further = self.task.checked(options)
        kept = dict(self.options)
        if "delay" in further or "run_at" in further:
            # Two ways to say one thing: the later word replaces both.
            kept.pop("delay", None)
            kept.pop("run_at", None)
        return msgspec.structs.replace(self, options=kept | further)


AnyDraft = Draft[Any]
