"""From configuration and arguments to a worker."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any

import msgspec

from anyjob.app.connecting import connected
from anyjob.app.send import lots_of, send
from anyjob.config import Config
from anyjob.config.several import no_route
from anyjob.core.backend import Backend, QueueShare
from anyjob.core.clock import Clock
from anyjob.core.envelope import Envelope, Receipt
from anyjob.core.errors import BackendUnavailable, ConfigurationError, shown
from anyjob.core.events import Subscribers
from anyjob.core.middleware import Middleware
from anyjob.core.names import checked_name, suggestion
from anyjob.core.options import DEFAULT_QUEUE
from anyjob.core.result import RESULT_OVERHEAD
from anyjob.core.task import Registry
from anyjob.worker import Ground, Routes, Worker, WorkerSettings
from anyjob.worker.settings import default_name

if TYPE_CHECKING:
    from anyjob.app.app import App


def worker_for(
    *,
    config: Config,
    apps: Sequence[App],
    registry: Registry,
    middleware: Sequence[Middleware],
    subscribers: Subscribers,
    clock: Clock,
    queues: Sequence[str] | None,
    settings: Mapping[str, Any],
) -> Worker:
    """Return a worker on opened backends; raises ConfigurationError.

    `apps` are the app itself, or its parts. One of several that does not answer is waited for while
    the others are worked on; raises BackendUnavailable if none answers. Every task is compiled
    first, so that a signature that cannot work is told at start, not at its first job; so is one
    whose jobs the backend would take back while they run.
    """
    for task in registry:
        task.signature  # noqa: B018 - compiles it, which is what may fail
    chosen = _settings(config, settings)
    served = _served(config, apps, queues)
    connects: dict[str, Callable[[], Ground]] = {}
    for app in apps:
        here = [name for name in served if app.has(name)] if served is not None else None
        if here != []:
            connects[app.on_backend] = partial(_ground, app, here, chosen)
    if config.backends:
        grounds, absent = _those_there(connects)
    else:
        # One, also where it is a part of an app with several.
        grounds, absent = [connect() for connect in connects.values()], {}
    return Worker(
        grounds,
        absent=absent,
        routes=_routes(config, apps) if config.backends else None,
        registry=registry,
        middleware=middleware,
        subscribers=subscribers,
        settings=_overall(chosen, grounds, served),
        clock=clock,
        random=Random(),
    )


def _those_there(
    connects: Mapping[str, Callable[[], Ground]],
) -> tuple[list[Ground], dict[str, Callable[[], Ground]]]:
    """Return those that are there, and how to go on with those that are not yet; raises
    BackendUnavailable if none is, and whatever else keeps one from being opened.
    """
    grounds: list[Ground] = []
    absent: dict[str, Callable[[], Ground]] = {}
    failures: list[BackendUnavailable] = []
    for name, connection in zip(connects, connected(list(connects.values())), strict=True):
        if not connection.has_come:
            absent[name] = connection
            continue
        try:
            grounds.append(connection())
        except BackendUnavailable as error:
            failures.append(error)
            absent[name] = connection
    if failures and not grounds:
        raise failures[0]
    return grounds, absent


def _overall(
    settings: WorkerSettings, grounds: Sequence[Ground], served: Sequence[str] | None
) -> WorkerSettings:
    """Return what the worker as a whole does: on one backend, what it does there."""
    if not grounds[0].name:
        return grounds[0].settings
    shares = [share for ground in grounds for share in ground.settings.shares]
    shares += [QueueShare(queue) for queue in served or ()]
    return msgspec.structs.replace(settings, shares=tuple(dict.fromkeys(shares)))


def _ground(app: App, queues: Sequence[str] | None, settings: WorkerSettings) -> Ground:
    """Return what a worker works on at one backend, opened now; raises what `App.open` raises."""
    if app.on_backend:
        app.open()
    opened = app.opened()
    _check_lengths(app, opened.backend)
    if queues is None:
        queues = sorted(queue for queue in app.queues() if app.has(queue))
    shares = tuple(QueueShare(name) for name in queues)
    within = _within(msgspec.structs.replace(settings, shares=shares), opened.backend)
    return Ground(app.on_backend, opened.backend, opened.store, within)


def _check_lengths(app: App, backend: Backend) -> None:
    if app.config.allow_long_jobs:
        return
    for task in app.tasks:
        if app.has(task.queue):
            backend.capabilities.check_length(task.options.timeout, f"task {task.name!r}")


def _routes(config: Config, apps: Sequence[App]) -> Routes:
    return Routes(config.route_of, {app.on_backend: partial(_send, app) for app in apps})


def _send(app: App, children: Sequence[Envelope]) -> list[Receipt]:
    """Store children of jobs of another backend; opens this one if need be."""
    backend = app.opened().backend
    lots = lots_of(children, backend.capabilities.max_batch)
    return [receipt for lot in lots for receipt in send(backend, lot)]


def _settings(config: Config, given: Mapping[str, Any]) -> WorkerSettings:
    """Return the settings of a worker, whose queues are still to be named."""
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
    return WorkerSettings(shares=(QueueShare(DEFAULT_QUEUE),), **chosen)


def _served(
    config: Config, apps: Sequence[App], queues: Sequence[str] | None
) -> Sequence[str] | None:
    """Return the queues to serve, None for all; raises ConfigurationError for what would never
    bring a job.
    """
    if queues is None:
        for name in config.worker.queues:
            _refuse_nowhere(config, name)
        return config.worker.queues or None
    if isinstance(queues, str) or not isinstance(queues, Collection) or not queues:
        raise ConfigurationError(
            f"expected queues to be a list of queue names, got {shown(queues)}; pass ['default'],"
            " for example"
        )
    # Asked only where a name is not known without: a backend may be away.
    known_queues = set[str]().union(*(app.known_queues() for app in apps))
    for name in queues:
        if checked_name(name, "queue") not in known_queues:
            _refuse_nowhere(config, name)
            known_queues |= set[str]().union(*(app.queues() for app in apps if app.has(name)))
        if name not in known_queues:
            raise ConfigurationError(
                f"there is no queue {name!r} to serve{suggestion(name, known_queues)}; give a task"
                " that queue, or name it in queues=[...] of the app"
            )
    return queues


def _refuse_nowhere(config: Config, queue: str) -> None:
    if config.backends and config.route_of(queue) is None:
        raise ConfigurationError(no_route(queue, config.backends))


def _within(settings: WorkerSettings, backend: Backend) -> WorkerSettings:
    """Keep results within what the backend can hold."""
    most = backend.capabilities.max_payload - RESULT_OVERHEAD
    return msgspec.structs.replace(settings, max_result=min(settings.max_result, most))
