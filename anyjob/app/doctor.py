"""What an operator should know: the plan, and every weakness. Reads only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from anyjob.core.backend import Backend, Finding
from anyjob.core.capabilities import Capabilities, Need, Planned, plan
from anyjob.core.errors import AnyjobError, DecodeError
from anyjob.core.options import Options
from anyjob.core.state import State
from anyjob.core.task import Registry, Task
from anyjob.core.wire import decode_body

#: How many jobs of a queue and state are looked at.
_LOOKED_AT = 1000


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
) -> Report:
    """Return plan and findings of an opened backend; raises what its reading raises.

    `check` plans the options of a task, `needs` are those of middleware.
    """
    planned: list[Planned] = []
    findings: list[Finding] = []
    for need in needs:
        try:
            planned += plan(backend.capabilities, [need])
        except AnyjobError as error:
            findings.append(_middleware_refused(error))
    for task in registry:
        try:
            task.signature  # noqa: B018 - compiles it, which is what may fail
            planned += check(task, task.options)
        except AnyjobError as error:
            findings.append(_task_refused(task, error))
    findings += _durability(backend.capabilities)
    findings += backend.weaknesses()
    findings += _untimed(registry)
    findings += _unknown_tasks(backend, registry, max_payload)
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


def _untimed(registry: Registry) -> list[Finding]:
    names = [task.name for task in registry if task.options.timeout is None]
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


def _unknown_tasks(backend: Backend, registry: Registry, max_payload: int) -> list[Finding]:
    if backend.capabilities.browse != "all":
        return []
    findings = []
    for queue in sorted(backend.queues()):
        waiting: set[str] = set()
        for state in (State.READY, State.SCHEDULED):
            for record in backend.browse(queue, state, None, _LOOKED_AT).records:
                waiting |= _task_of(record.body, max_payload)
        unknown = sorted(name for name in waiting if name not in registry)
        if unknown and len(registry):
            findings.append(
                Finding(
                    "task-unknown",
                    "warning",
                    f"queue {queue!r} holds jobs of tasks that this app lacks:"
                    f" {', '.join(unknown[:10])}",
                    "they are buried once the workers' unknown_task_grace is over",
                    "deploy the tasks, or give them aliases=[...]",
                )
            )
    return findings


def _task_of(body: bytes | None, max_payload: int) -> set[str]:
    if body is None:
        return set()
    try:
        return {decode_body(body, max_payload).task}
    except DecodeError:
        return set()
