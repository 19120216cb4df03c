"""What an operator should know: the plan, and every weakness. Reads only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from anyjob.app.waiting import unknown_tasks
from anyjob.core.backend import Backend, Finding
from anyjob.core.capabilities import Capabilities, Need, Planned, plan
from anyjob.core.errors import AnyjobError
from anyjob.core.options import Options
from anyjob.core.task import Registry, Task

#: How long waiting jobs are looked at, in seconds: of the ten that doctor may take.
_LOOK_FOR = 5.0


class Report(msgspec.Struct, frozen=True):
    """What `anyjob doctor` prints."""

    capabilities: Capabilities
    plan: list[Planned]
    findings: list[Finding]


def examined(
    backend: Backend,
    registry: Registry,
    check: Callable[[Task[..., Any], Options], list[Planned]],
    needs: Sequence[Need],
    max_payload: int,
    look_for: float = _LOOK_FOR,
    *,
    own: Sequence[Task[..., Any]] | None = None,
    is_one_of_several: bool = False,
) -> Report:
    """Return plan and findings of an opened backend; raises what its reading raises.

    `own` are the tasks whose jobs go to this backend, all unless given. `check` plans the options
    of a task, `needs` are those of middleware; waiting jobs are looked at for about `look_for`
    seconds.
    """
    planned: list[Planned] = []
    findings: list[Finding] = []
    for need in needs:
        try:
            planned += plan(backend.capabilities, [need])
        except AnyjobError as error:
            findings.append(_middleware_refused(error))
    tasks = list(registry) if own is None else own
    for task in tasks:
        try:
            task.signature  # noqa: B018 - compiles it, which is what may fail
            planned += check(task, task.options)
        except AnyjobError as error:
            findings.append(_task_refused(task, error))
    findings += _durability(backend.capabilities)
    findings += _exclusive(backend.capabilities)
    findings += backend.weaknesses()
    findings += _untimed(tasks)
    findings += _CHILDREN if is_one_of_several else []
    findings += unknown_tasks(backend, registry, max_payload, look_for)
    return Report(backend.capabilities, planned, findings)


def _middleware_refused(error: AnyjobError) -> Finding:
    return Finding(
        "middleware-refused",
        "error",
        str(error),
        "the app does not open: no job is enqueued and no worker starts",
        "leave the middleware out, or use another backend",
    )


def _task_refused(task: Task[..., Any], error: AnyjobError) -> Finding:
    return Finding(
        "task-refused",
        "error",
        str(error),
        f"no job of task {task.name!r} can be enqueued, and no worker starts",
        "change the task, or the backend",
    )


def _durability(capabilities: Capabilities) -> list[Finding]:
    if capabilities.durability == "os":
        return []
    what = {"none": "when its process ends", "process": "when the machine loses power"}
    return [
        Finding(
            f"durability-{capabilities.durability}",
            "warning",
            f"{capabilities.product} is configured with durability {capabilities.durability!r}",
            f"accepted jobs are lost {what[capabilities.durability]}",
            "use a durable backend or setting where that matters",
        )
    ]


def _exclusive(capabilities: Capabilities) -> list[Finding]:
    if capabilities.exclusive:
        return []
    return [
        Finding(
            "jobs-given-twice",
            "warning",
            f"{capabilities.product} gives a job twice now and then, by its own account",
            "a task may run twice at a time, and once more after it was done",
            "let tasks find out what they have done already, by current_job().idempotency_key",
        )
    ]


_CHILDREN = [
    Finding(
        "children-across-backends",
        "info",
        "a job that is to follow another on a second backend is stored before the first one's end",
        "after a crash in between it is stored twice, never lost",
        "let such tasks find out what they have done already, by current_job().idempotency_key",
    )
]


def _untimed(tasks: Sequence[Task[..., Any]]) -> list[Finding]:
    names = [task.name for task in tasks if task.options.timeout is None]
    if not names:
        return []
    return [
        Finding(
            "task-without-timeout",
            "warning",
            f"no timeout: {', '.join(sorted(names)[:10])}",
            "an attempt that hangs keeps its slot for ever",
            "give the tasks timeout=...",
        )
    ]
