"""From a configuration to what an open app holds."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import msgspec

from anyjob.app.plan import Planner
from anyjob.app.send import Publisher, send
from anyjob.app.stack import needs_of
from anyjob.app.waiters import Waiters
from anyjob.backends.registry import backend_for, store_for
from anyjob.core.backend import Backend, QueueSpec
from anyjob.core.capabilities import plan
from anyjob.core.clock import Clock, SystemClock
from anyjob.core.errors import ConfigurationError
from anyjob.core.failpoints import arm
from anyjob.core.ids import IdMaker
from anyjob.core.middleware import Middleware
from anyjob.core.place import Place
from anyjob.core.store import Store
from anyjob.core.task import Registry

if TYPE_CHECKING:
    from anyjob.config import Config


class Opened(msgspec.Struct, frozen=True, eq=False):
    """What an open app holds, and the process it belongs to."""

    pid: int
    backend: Backend
    store: Store | None
    planner: Planner
    publisher: Publisher
    waiters: Waiters
    #: Whether a look found nothing of this process there, and made it.
    is_new: bool


def open_all(
    config: Config,
    *,
    clock: Clock | None,
    middleware: Sequence[Middleware],
    registry: Registry,
    known_queues: Callable[[], Collection[str]],
    report: Callable[[str, Mapping[str, Any]], None],
    create: bool,
    check: bool,
) -> Opened:
    """Open backend and store, and check the middleware against them with `check`; nothing stays
    open if that fails. `report` is told what the backend has to say.
    """
    from random import SystemRandom

    if config.failpoint:
        arm(config.failpoint)
    # First, because an option of a task may be wrong, and then no file is to be made.
    queues = [QueueSpec(queue) for queue in sorted(known_queues())]
    backend = backend_for(config.backend.reveal(), namespace=config.namespace, clock=clock)
    backend.subscribe(report)
    with ExitStack() as undo:
        undo.callback(backend.close)
        if not create:
            _refuse_absent(backend.place(), "backend")
        backend.open()
        # Whoever opens an app for use declares a queue, the default one at least.
        is_new = not create and backend.capabilities.reach == "process" and not backend.queues()
        store = _store_of(config, backend, clock)
        if store is not None:
            if not create:
                _refuse_absent(store.place(), "store")
            undo.callback(store.close)
            store.open()
            backend = _with(store, backend, config, clock)
            undo.callback(backend.close)
            backend.subscribe(report)
            backend.open()
        if check:
            plan(backend.capabilities, needs_of(middleware))
        backend.declare(queues)
        undo.pop_all()
    planner = Planner(
        backend.capabilities,
        middleware,
        IdMaker(SystemRandom().getrandbits),
        clock or SystemClock(),
        config.max_payload,
        registry,
        known_queues,
        allow_long_jobs=config.allow_long_jobs,
    )
    publisher = Publisher(lambda lot: send(backend, lot), backend.capabilities.max_batch)
    return Opened(os.getpid(), backend, store, planner, publisher, Waiters(backend), is_new)


def _store_of(config: Config, backend: Backend, clock: Clock | None) -> Store | None:
    if config.store is None:
        return backend.store()
    return store_for(config.store.reveal(), namespace=config.namespace, clock=clock)


def _with(store: Store, backend: Backend, config: Config, clock: Clock | None) -> Backend:
    """The backend and the store as one, if the store was asked for and adds something."""
    if config.store is None:
        return backend
    # Only now, because most apps need nothing of it.
    from anyjob.backends.paired import PairedBackend, gains

    if not gains(backend.capabilities):
        return backend
    return PairedBackend(backend, store, clock=clock)


def _refuse_absent(place: Place | None, what: str) -> None:
    if place is not None and not place.exists:
        raise ConfigurationError(
            f"there is no {place.text!r}, and looking makes none; correct the URL of the {what}, or"
            " enqueue a first job there"
        )
