"""Whether the jobs that wait are of tasks that the app has. Reads only."""

from __future__ import annotations

import time
from collections.abc import Sequence

from anyjob.core.backend import Backend, Finding
from anyjob.core.errors import DecodeError
from anyjob.core.state import State
from anyjob.core.task import Registry
from anyjob.core.wire import decode_body

#: Few, because each comes with its body, which may be large.
_PAGE = 100


def unknown_tasks(
    backend: Backend, registry: Registry, max_payload: int, budget: float
) -> list[Finding]:
    """Report waiting jobs of tasks that `registry` lacks.

    Looks for about `budget` seconds, at one page of each queue and state in any case, and reports
    where that was not all.
    """
    if backend.capabilities.browse != "all" or not len(registry):
        return []
    deadline = time.monotonic() + budget
    lines = [
        _Line(backend, queue, state, max_payload)
        for queue in sorted(backend.queues())
        for state in (State.READY, State.SCHEDULED)
    ]
    unread = [line for line in lines if line.has_more]
    # In turn, so that a long line leaves time for the others.
    while unread and time.monotonic() < deadline:
        for line in unread:
            line.read_page()
        unread = [line for line in unread if line.has_more]
    return [*_unknown(lines, registry), *map(_partly_read, unread)]


class _Line:
    """The jobs of one queue and state, read page by page."""

    def __init__(self, backend: Backend, queue: str, state: State, max_payload: int) -> None:
        self._backend = backend
        self._max_payload = max_payload
        self._cursor: str | None = None
        self.queue = queue
        self.state = state
        #: How many jobs were read, and the names of their tasks.
        self.count = 0
        self.tasks: set[str] = set()
        self.read_page()

    @property
    def has_more(self) -> bool:
        return self._cursor is not None

    def read_page(self) -> None:
        """Read the next page, or the first one."""
        page = self._backend.browse(self.queue, self.state, self._cursor, _PAGE)
        self._cursor = page.cursor
        self.count += len(page.records)
        for record in page.records:
            self.tasks |= _task_of(record.body, self._max_payload)


def _unknown(lines: Sequence[_Line], registry: Registry) -> list[Finding]:
    unknown: dict[str, set[str]] = {}
    for line in lines:
        unknown.setdefault(line.queue, set()).update(t for t in line.tasks if t not in registry)
    return [
        Finding(
            "task-unknown",
            "warning",
            f"queue {queue!r} holds jobs of tasks that this app lacks:"
            f" {', '.join(sorted(names)[:10])}",
            "they are buried once the workers' unknown_task_grace is over",
            "deploy the tasks, or give them aliases=[...]",
        )
        for queue, names in unknown.items()
        if names
    ]


def _partly_read(line: _Line) -> Finding:
    return Finding(
        "waiting-partly-seen",
        "info",
        f"only the first {line.count:,} {line.state} jobs of queue {line.queue!r} were looked at",
        "behind them may wait jobs of tasks that this app lacks",
        "look again when fewer wait",
    )


def _task_of(body: bytes | None, max_payload: int) -> set[str]:
    if body is None:
        return set()
    try:
        return {decode_body(body, max_payload).task}
    except DecodeError:
        return set()
