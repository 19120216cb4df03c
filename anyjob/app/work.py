"""From configuration and arguments to a worker."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from random import Random
from typing import Any

import msgspec

from anyjob.config import Config
from anyjob.core.backend import Backend, QueueShare
from anyjob.core.clock import Clock
from anyjob.core.errors import ConfigurationError, shown
from anyjob.core.events import Subscribers
from anyjob.core.middleware import Middleware
from anyjob.core.names import checked_name, suggestion
from anyjob.core.result import RESULT_OVERHEAD
from anyjob.core.store import Store
from anyjob.core.task import Registry
from anyjob.worker import Worker, WorkerSettings
from anyjob.worker.settings import default_name


def worker_for(
    *,
    config: Config,
    backend: Backend,
    store: Store | None,
    registry: Registry,
    middleware: Sequence[Middleware],
    subscribers: Subscribers,
    clock: Clock,
    known_queues: Collection[str],
    queues: Sequence[str] | None,
    settings: Mapping[str, Any],
) -> Worker:
    """Return a worker on an opened backend; raises ConfigurationError.

    Every task is compiled first, so that a signature that cannot work is told at start, not at its
    first job; and so is one whose jobs the backend would take back while they run.
    """
    for task in registry:
        task.signature  # noqa: B018 - compiles it, which is what may fail
        if not config.allow_long_jobs:
            backend.capabilities.check_length(task.options.timeout, f"task {task.name!r}")
    return Worker(
        backend=backend,
        store=store,
        registry=registry,
        middleware=middleware,
        subscribers=subscribers,
        settings=_within(_settings(config, known_queues, queues, settings), backend),
        clock=clock,
        random=Random(),
    )


def _settings(
    config: Config,
    known_queues: Collection[str],
    queues: Sequence[str] | None,
    given: Mapping[str, Any],
) -> WorkerSettings:
    fields = set(WorkerSettings.__struct_fields__) - {"shares"}
    for name in given:
        if name not in fields:
            raise ConfigurationError(f"no setting {name!r} of a worker{suggestion(name, fields)}")
    chosen = {
        "concurrency": config.worker.concurrency,
        "grace": config.worker.grace,
        "cancel_grace": config.worker.cancel_grace,
        "lease": config.lease,
        "max_redeliveries": config.max_redeliveries,
        "unknown_task_grace": config.unknown_task_grace,
        "max_payload": config.max_payload,
        "max_result": config.max_result,
        "name": default_name(),
        **given,
    }
    shares = tuple(QueueShare(name) for name in _served(config, known_queues, queues))
    return WorkerSettings(shares=shares, **chosen)


def _served(
    config: Config, known_queues: Collection[str], queues: Sequence[str] | None
) -> Sequence[str]:
    """Return the queues to serve; raises ConfigurationError for what would never bring a job."""
    if queues is None:
        return config.worker.queues or sorted(known_queues)
    if isinstance(queues, str) or not isinstance(queues, Collection) or not queues:
        raise ConfigurationError(
            f"expected queues to be a list of queue names, got {shown(queues)}; pass ['default'],"
            " for example"
        )
    for name in queues:
        if checked_name(name, "queue") not in known_queues:
            raise ConfigurationError(
                f"there is no queue {name!r} to serve{suggestion(name, known_queues)}; give a task"
                " that queue, or name it in queues=[...] of the app"
            )
    return queues


def _within(settings: WorkerSettings, backend: Backend) -> WorkerSettings:
    """Keep results within what the backend can hold."""
    most = backend.capabilities.max_payload - RESULT_OVERHEAD
    return msgspec.structs.replace(settings, max_result=min(settings.max_result, most))
