"""The one place where registry, backend, store, middleware and configuration meet."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from copy import copy
from datetime import datetime
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeVar, overload

import msgspec
from msgspec import UNSET, UnsetType

from anyjob.app.asked import (
    checked_cursor,
    checked_drafts,
    checked_edits,
    checked_id,
    checked_ids,
    checked_state,
    checked_states,
)
from anyjob.app.lots import planned_lot, start_lot, store_lots
from anyjob.app.results import value_of
from anyjob.app.send import LOT, asend, lots_of, send
from anyjob.app.stack import checked_middleware, declared_options, needs_of
from anyjob.core import options as options_module
from anyjob.core.attempt import Progress
from anyjob.core.backend import Backend, CancelResult, Counts, JobRecord
from anyjob.core.capabilities import Need
from anyjob.core.clock import Clock, SystemClock
from anyjob.core.draft import AnyDraft, Draft
from anyjob.core.durations import Duration
from anyjob.core.envelope import ACCEPTED, Duplicate, Envelope, Receipt, Rejected
from anyjob.core.errors import (
    ConfigurationError,
    EnqueueRejected,
    JobNotFound,
    UnsupportedCapability,
    shown,
)
from anyjob.core.events import EVENTS, Event, Subscriber, Subscribers
from anyjob.core.job import Job
from anyjob.core.middleware import Middleware
from anyjob.core.names import checked_name
from anyjob.core.options import DEFAULT_QUEUE
from anyjob.core.retry import Retry
from anyjob.core.state import State
from anyjob.core.store import Store
from anyjob.core.task import AsyncTask, Registry, SyncTask, Task, is_async
from anyjob.core.view import JobView, edited, view
from anyjob.core.wire import decode_body

if TYPE_CHECKING:
    import logging

    from anyjob.app.doctor import Report
    from anyjob.app.opening import Opened
    from anyjob.app.parts import Parts
    from anyjob.config import Config
    from anyjob.worker import Worker

P = ParamSpec("P")
R = TypeVar("R")
SubscriberT = TypeVar("SubscriberT", bound=Subscriber)


class _Decorator(Protocol):
    """What `task(...)` with options returns."""

    @overload
    def __call__(self, function: Callable[P, Coroutine[Any, Any, R]], /) -> AsyncTask[P, R]: ...  # type: ignore[overload-overlap]
    @overload
    def __call__(self, function: Callable[P, R], /) -> SyncTask[P, R]: ...


class ViewPage(msgspec.Struct, frozen=True):
    """A part of a listing; `cursor` leads to the next one and is None at the end."""

    jobs: list[JobView]
    cursor: str | None


class App:
    """An application's tasks, and its door to the backend that holds their jobs.

    `url` names the backend; without it, and for everything not given here, `ANYJOB_*` variables are
    read, then `anyjob.toml` or `[tool.anyjob]` of pyproject.toml. `store` names where the
    progress of jobs is kept, in place of the backend's own store. `queues` exist beside those that
    tasks name. `backends` names several, each a URL or a mapping of `url`, `store` and `namespace`;
    `queues` as a mapping then says which queue goes to which, as `{"mail": {"backend": "fast"}}`,
    and the others go to `url`. `defaults` are options of every task that does not say otherwise.
    `middleware` is applied in its order, the first outermost. `settings` are further keys of the
    configuration.

    Nothing is read or opened before the first use; any thread may use an app, and after a fork the
    child opens it anew.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        store: str | None = None,
        namespace: str | None = None,
        queues: Sequence[str] | Mapping[str, Mapping[str, Any]] | None = None,
        backends: Mapping[str, str | Mapping[str, Any]] | None = None,
        defaults: Mapping[str, Any] | None = None,
        middleware: Sequence[Middleware] = (),
        clock: Clock | None = None,
        **settings: Any,
    ) -> None:
        self._arguments = {
            "url": url,
            "store": store,
            "namespace": namespace,
            # Copies, because nothing is read before the first use.
            "queues": _copied(queues),
            "backends": _copied(backends),
            "defaults": _copied(defaults),
            **settings,
        }
        #: Which of several backends this app is on alone; empty for a whole app.
        self.on_backend = ""
        self._routed: Callable[[str], bool] = lambda _: True
        self._middleware = checked_middleware(middleware)
        self._declared_options = declared_options(self._middleware)
        self._clock = clock
        self._config: Config | None = None
        self._opened: Opened | None = None
        self._opening = threading.Lock()
        #: The registered tasks.
        self.tasks = Registry()
        # Reentrant, for a subscriber whose own calls are told of.
        self._subscribers = Subscribers(_subscriber_failed, threading.RLock())

    # Configuration

    @property
    def config(self) -> Config:
        """The configuration, read on first use; raises ConfigurationError."""
        if self._config is None:
            from anyjob.config import load

            self._config = load(**self._arguments)
        return self._config

    @property
    def declared_options(self) -> Mapping[str, type]:
        """The job options that middleware adds."""
        return self._declared_options

    @cached_property
    def defaults(self) -> Mapping[str, Any]:
        """The options of every task that does not say otherwise, checked on first use; raises
        InvalidOption, which names the place of what is wrong.
        """
        checked: dict[str, Any] = {}
        for name, value in self.config.defaults.items():
            try:
                checked |= options_module.checked({name: value}, self._declared_options)
                options_module.merged(checked, {}, {})
            except ConfigurationError as error:
                # Alone, because the error behind it shows the value.
                raise self.config.refused_default(name, error) from None
        return checked

    @property
    def backend(self) -> Backend:
        """The backend, opened; raises ConfigurationError where there are several."""
        return self._open().backend

    @property
    def backends(self) -> tuple[str, ...]:
        """The names of several backends; empty where there is one."""
        return tuple(self.config.backends)

    def at(self, backend: str) -> App:
        """Return this app on one of its several backends alone, to look and act there.

        It sees every queue that is there, also those that are not routed to it. Raises
        ConfigurationError for a name that no backend has.
        """
        if self._parts is None:
            raise ConfigurationError(
                f"no backend is named {shown(backend)}: this app has only one; leave it out, or"
                " name several in backends"
            )
        return self._parts.named(backend)

    @property
    def store(self) -> Store | None:
        """The store, opened: the one configured, else the one beside the jobs; None without one."""
        return self._open().store

    @property
    def is_new(self) -> bool:
        """Whether nobody in this process had used what `open(create=False)` found in its memory."""
        return self._open().is_new

    # Registering

    @overload
    def task(self, function: Callable[P, Coroutine[Any, Any, R]], /) -> AsyncTask[P, R]: ...  # type: ignore[overload-overlap]
    @overload
    def task(self, function: Callable[P, R], /) -> SyncTask[P, R]: ...
    @overload
    def task(
        self,
        function: None = None,
        /,
        *,
        name: str | None = None,
        aliases: Sequence[str] = (),
        queue: str | UnsetType = UNSET,
        priority: int | UnsetType = UNSET,
        retry: Retry | UnsetType | None = UNSET,
        timeout: Duration | UnsetType | None = UNSET,
        delay: Duration | UnsetType | None = UNSET,
        expires: Duration | datetime | UnsetType | None = UNSET,
        unique_key: str | UnsetType | None = UNSET,
        unique_ttl: Duration | UnsetType | None = UNSET,
        headers: Mapping[str, str] | UnsetType = UNSET,
        keep: Duration | UnsetType = UNSET,
        **extra: Any,
    ) -> _Decorator: ...

    def task(
        self,
        function: Any = None,
        /,
        *,
        name: str | None = None,
        aliases: Sequence[str] = (),
        **options: Any,
    ) -> Any:
        """Register a function as a task; with or without options, which are those of `Task.using`.

        `name` is what its jobs carry, the function's own unless given; `aliases` are names that its
        jobs once carried. Raises InvalidOption, and ConfigurationError for a name that is taken.
        """

        def register(function: Callable[..., Any]) -> Task[..., Any]:
            chosen = {key: value for key, value in options.items() if value is not UNSET}
            kind: type[Task[..., Any]] = AsyncTask if is_async(function) else SyncTask
            task = kind(self, function, name=name, aliases=aliases, options=chosen)
            self.tasks.add(task)
            return task

        return register if function is None else register(function)

    @overload
    def on(self, event: str, subscriber: SubscriberT) -> SubscriberT: ...
    @overload
    def on(self, event: str) -> Callable[[SubscriberT], SubscriberT]: ...

    def on(self, event: str, subscriber: Subscriber | None = None) -> Any:
        """Subscribe to an event such as "job.dead", a family "job.*", or all "*"; also as a
        decorator.

        Subscribers run in a thread of the worker, one after the other; they watch and change
        nothing. Raises ConfigurationError for an event that does not exist.
        """

        def add(subscriber: SubscriberT) -> SubscriberT:
            if not callable(subscriber):
                raise ConfigurationError(
                    f"expected a subscriber to be called with an event, got {shown(subscriber)};"
                    " pass a function"
                )
            self._subscribers.add(event, subscriber)
            return subscriber

        return add if subscriber is None else add(subscriber)

    # Enqueuing

    def enqueue(self, draft: Draft[R]) -> Job[R]:
        """Store one job; as `Task.enqueue`."""
        if self._parts is not None:
            return self._job(draft, *self._parts.enqueue(draft))
        opened = self._open()
        envelope = self._planned(opened, draft)
        receipt = send(opened.backend, [envelope], draft.transaction)[0]
        return self._job(draft, envelope, receipt)

    async def aenqueue(self, draft: Draft[R]) -> Job[R]:
        """Do what `enqueue` does without blocking the event loop."""
        if self._parts is not None:
            _refuse_transaction(draft)
            return self._job(draft, *await self._parts.aenqueue(draft))
        opened = await self.aopened()
        envelope = self._planned(opened, draft)
        _refuse_transaction(draft)
        receipt = await asend(opened.backend, envelope, opened.publisher)
        return self._job(draft, envelope, receipt)

    def enqueue_many(self, drafts: Iterable[AnyDraft]) -> list[Job[Any] | Rejected]:
        """Store jobs by lots, of any tasks; returns a Job, or the reason why not, for each, in
        order.

        Takes a generator as it comes: a lot is drawn while the last one is being stored. Blocks. If
        the backend or the generator fails midway, the error that is raised holds in `stored` what
        was answered before it, and says how many jobs that were.

        Of a lot that spans several backends of which one fails, what goes to the others is stored;
        `stored` then holds, in the place of each job that failed, the error that says why.
        """
        if self._parts is not None:
            return self._parts.enqueue_many(checked_drafts(drafts), self._job_or_reason)
        opened = self._open()
        size = min(LOT, opened.backend.capabilities.max_batch)
        lots = lots_of(checked_drafts(drafts), size)
        return store_lots(
            lambda lot: planned_lot(opened.planner, lot),
            lambda lot, planned: start_lot(opened.backend, lot, planned, self._job_or_reason),
            lots,
        )

    async def aenqueue_many(self, drafts: Iterable[AnyDraft]) -> list[Job[Any] | Rejected]:
        """Do what `enqueue_many` does without blocking the event loop."""
        import asyncio

        return await asyncio.to_thread(self.enqueue_many, drafts)

    # Looking and acting

    def get(self, id: str, queue: str = DEFAULT_QUEUE) -> Job[Any]:
        """Return the handle of a stored job; raises JobNotFound."""
        record = self._on(queue).get(queue, [checked_id(id)])[0]
        if record is None:
            raise _not_found(id, queue)
        return Job(self, id, queue, self._view(record).task)

    def show(self, id: str, queue: str = DEFAULT_QUEUE) -> JobView:
        """Return everything that is stored of a job; raises JobNotFound."""
        record = self._on(queue).get(queue, [checked_id(id)])[0]
        if record is None:
            raise _not_found(id, queue)
        return self._view(record)

    def browse(
        self, queue: str, state: State, cursor: str | None = None, limit: int = 100
    ) -> ViewPage:
        """List jobs of one state, a page of up to `limit` (1 to 1000) at a time."""
        page = self._on(queue).browse(queue, checked_state(state), checked_cursor(cursor), limit)
        return ViewPage([self._view(record) for record in page.records], page.cursor)

    def counts(self, queue: str = DEFAULT_QUEUE) -> Counts:
        """Count the ready, scheduled, leased and dead jobs of a queue."""
        return self._on(queue).counts(queue)

    def queues(self) -> set[str]:
        """Name the queues that tasks, configuration or the backend know."""
        if self._parts is not None:
            return set[str]().union(*(part.queues() for part in self._parts.apps.values()))
        return self.known_queues() | self.backend.queues()

    def known_queues(self) -> set[str]:
        """Name the queues that tasks or configuration know; asks no backend."""
        known = {DEFAULT_QUEUE, *self.config.queues, *self.tasks.queues()}
        return {queue for queue in known if self._routed(queue) and self.has_route(queue)}

    def pause(self, queue: str) -> None:
        """Stop deliveries of a queue within 5 s, on every worker, until `resume`."""
        self._on(queue).pause(queue)

    def resume(self, queue: str) -> None:
        """Let a queue deliver again."""
        self._on(queue).resume(queue)

    def paused(self) -> set[str]:
        """Name the paused queues."""
        if self._parts is not None:
            return set[str]().union(*(part.paused() for part in self._parts.apps.values()))
        return self.backend.paused()

    def purge(self, queue: str, states: Collection[State] = (State.READY, State.SCHEDULED)) -> int:
        """Remove all waiting jobs of a queue; returns how many."""
        return self._on(queue).purge(queue, checked_states(states))

    def cancel(self, ids: Sequence[str], queue: str = DEFAULT_QUEUE) -> list[CancelResult]:
        """End waiting jobs as cancelled; says of each what became of it."""
        keep = options_module.DEFAULT_KEEP
        return self._on(queue).cancel(queue, checked_ids(ids), keep=keep)

    def revive(
        self,
        queue: str,
        ids: Sequence[str] | None,
        *,
        edit: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> int:
        """Make dead jobs ready again, all with None; `edit` replaces arguments by job id and name.

        Returns how many were revived. Raises JobNotFound for an edited id that is not there,
        DecodeError for one that cannot be edited, and InvalidArguments if its task is known here
        and would not take them.
        """
        wanted = None if ids is None else checked_ids(ids)
        edits = checked_edits(edit)
        bodies = {id: self._edited(queue, id, changes) for id, changes in edits.items()}
        return self._on(queue).revive(queue, wanted, edit=bodies or None)

    def discard(self, queue: str, ids: Sequence[str] | None) -> int:
        """Remove dead jobs, all with None; returns how many."""
        wanted = None if ids is None else checked_ids(ids)
        return self._on(queue).discard(queue, wanted)

    def doctor(self) -> Report:
        """Examine tasks, plan and backend; changes nothing. Of several backends, each is examined
        by `at(name).doctor()`.
        """
        from anyjob.app.doctor import examined

        opened = self._open()
        return examined(
            opened.backend,
            self.tasks,
            opened.planner.check,
            needs_of(self._middleware),
            self.config.max_payload,
            own=self._own_tasks(),
            is_one_of_several=bool(self.on_backend),
        )

    # Running

    def worker(self, *, queues: Sequence[str] | None = None, **settings: Any) -> Worker:
        """Return a worker for this app: `with jobs.worker():` runs it in threads of this process.

        `queues` are those it serves, by default those of the tasks and of the configuration;
        `settings` are those of `WorkerSettings`. Raises ConfigurationError.
        """
        from anyjob.app.work import worker_for

        apps = [self] if self._parts is None else list(self._parts.apps.values())
        return worker_for(
            config=self.config,
            apps=apps,
            registry=self.tasks,
            middleware=self._middleware,
            subscribers=self._subscribers,
            clock=self._clock or SystemClock(),
            queues=queues,
            settings=settings,
        )

    # Opening and closing

    def open(self, *, create: bool = True, check: bool = True) -> None:
        """Read the configuration, open backend and store, and check middleware and every task
        against them; idempotent.

        With `create=False` nothing is made that is not there: for whoever only looks, and would
        take the file of a misspelt URL for an empty one. With `check=False` what the backend cannot
        honour does not keep it from being looked at: `doctor` names it, and enqueuing such a job
        still raises. Raises ConfigurationError, UnsupportedCapability, BackendUnavailable or
        BackendCorrupt. Of several backends all are opened; without `open` each is when one of its
        queues is first used, so that one that is away keeps nobody from the others.
        """
        if self._parts is not None:
            self._open_parts(self._parts, create=create, check=check)
            return
        before = self._opened
        opened = self._open(create=create, check=check)
        if not check:
            return
        try:
            for task in self._own_tasks():
                opened.planner.check(task, task.options)
        except BaseException:
            if opened is not before:
                self.close()
            raise

    def close(self) -> None:
        """Give everything back; idempotent. The next use opens the app again."""
        # As it was read, if ever: closing reads no configuration.
        parts = self.__dict__.get("_parts")
        if parts is not None:
            for part in parts.apps.values():
                part.close()
        with self._opening:
            opened, self._opened = self._opened, None
        if opened is None or opened.pid != os.getpid():
            return
        opened.publisher.close()
        if opened.store is not None:
            opened.store.close()
        opened.backend.close()
        opened.waiters.close()

    def __enter__(self) -> App:
        self.open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        config = self._config
        places = [*config.backends] if config is not None else []
        url = ", ".join(places) if places else "not read yet"
        if config is not None and not places:
            url = config.redact(str(config.backend))
        return f"<App {url} with {len(self.tasks)} tasks>"

    # What job handles ask

    def result_of(self, job: Job[Any], timeout: float | None) -> Any:
        """Do the work of `Job.result`."""
        opened = self._of(job.queue).opened()
        opened.backend.capabilities.require(_RESULT)
        record = opened.waiters.wait_for(job, timeout)
        return value_of(record, self.tasks, job, self._now())

    async def aresult_of(self, job: Job[Any], timeout: float | None) -> Any:
        """Do the work of `Job.aresult`."""
        opened = await self._of(job.queue).aopened()
        opened.backend.capabilities.require(_RESULT)
        record = await opened.waiters.await_for(job, timeout)
        return value_of(record, self.tasks, job, self._now())

    def status_of(self, job: Job[Any]) -> State:
        """Do the work of `Job.status`."""
        record = self._on(job.queue).get(job.queue, [job.id])[0]
        if record is None:
            raise _not_found(job.id, job.queue)
        return record.state

    def progress_of(self, job: Job[Any]) -> Progress | None:
        """Do the work of `Job.progress`; raises UnsupportedCapability without a store."""
        from anyjob.worker.house import progress_key

        store = self._of(job.queue).store
        if store is None:
            raise UnsupportedCapability("store", "progress needs a store; add store=...")
        entry = store.get([progress_key(job.id)])[0]
        return None if entry is None else msgspec.json.decode(entry.value, type=Progress)

    def cancel_job(self, job: Job[Any]) -> bool:
        """Do the work of `Job.cancel`."""
        result = self.cancel([job.id], job.queue)[0]
        if result is CancelResult.UNKNOWN:
            raise _not_found(job.id, job.queue)
        return result is CancelResult.CANCELLED

    # Inside

    @cached_property
    def _parts(self) -> Parts | None:
        """This app on each of its backends; None where it has one."""
        config = self.config
        if not config.backends:
            return None
        from anyjob.app.parts import Parts

        apps = {name: self._part(name) for name in config.backends}
        return Parts(apps, config, self._middleware)

    def _part(self, name: str) -> App:
        """This app on one backend: with the same tasks, middleware and subscribers."""
        config, part = self.config, copy(self)
        one = config.backends[name]
        vars(part).update(
            on_backend=name,
            _config=msgspec.structs.replace(
                config,
                backend=one.url,
                store=one.store,
                namespace=one.namespace,
                backends={},
                routes={},
            ),
            _routed=lambda queue: config.route_of(queue) == name,
            _opened=None,
            _opening=threading.Lock(),
        )
        return part

    def _open_parts(self, parts: Parts, *, create: bool, check: bool) -> None:
        for task in self.tasks if check else ():
            parts.of(task.queue)  # raises for one that is routed nowhere
        done: list[App] = []
        try:
            for part in parts.apps.values():
                is_open = part.is_open
                part.open(create=create, check=check)
                done += [] if is_open else [part]
        except BaseException:
            for part in done:
                part.close()
            raise

    def has(self, queue: str) -> bool:
        """Whether jobs of this queue go here."""
        return self._routed(queue)

    def has_route(self, queue: str) -> bool:
        """Whether this app knows which backend has the queue."""
        config = self.config
        return not config.backends or config.route_of(queue) is not None

    def _of(self, queue: str) -> App:
        """This app, or of several parts the one that has the queue."""
        checked_name(queue, "queue")
        return self if self._parts is None else self._parts.of(queue)

    def _on(self, queue: str) -> Backend:
        """The backend that has a queue, opened."""
        return self._of(queue).backend

    def _own_tasks(self) -> list[Task[..., Any]]:
        """The tasks whose jobs come here unless told otherwise."""
        return [task for task in self.tasks if self._routed(task.queue)]

    @property
    def is_open(self) -> bool:
        """Whether the backend was opened by this process and not closed since."""
        return self._opened is not None and self._opened.pid == os.getpid()

    def opened(self) -> Opened:
        """Return what is open, opened now if need be; for the parts of an app and its worker."""
        return self._open()

    def _open(self, *, create: bool = True, check: bool = True) -> Opened:
        opened = self._opened
        if opened is not None and opened.pid == os.getpid():
            return opened
        if self._parts is not None:
            raise ConfigurationError(
                f"this app has several backends: {', '.join(self.backends)}; ask one of them, as"
                f" by .at({self.backends[0]!r})"
            )
        with self._opening:
            # A fork while another thread held the lock is the one case this does not survive, as
            # with any lock.
            if self._opened is None or self._opened.pid != os.getpid():
                from anyjob.app.opening import open_all
                from anyjob.config.hiding import hiding

                config = self.config
                with hiding(config.redact):
                    self._opened = open_all(
                        config,
                        clock=self._clock,
                        middleware=self._middleware,
                        registry=self.tasks,
                        known_queues=self.known_queues,
                        report=self._report,
                        create=create,
                        check=check,
                    )
            return self._opened

    async def aopened(self) -> Opened:
        """Do what `opened` does without blocking the event loop."""
        opened = self._opened
        if opened is not None and opened.pid == os.getpid():
            return opened
        import asyncio

        return await asyncio.to_thread(self._open)

    def _view(self, record: JobRecord) -> JobView:
        return view(record, self.config.max_payload, self._now())

    def _now(self) -> float:
        return (self._clock or SystemClock()).time()

    def _planned(self, opened: Opened, draft: AnyDraft) -> Envelope:
        envelope = opened.planner.envelope(draft)
        if isinstance(envelope, Rejected):
            raise EnqueueRejected(f"a job of task {draft.task.name!r} was rejected: {envelope.why}")
        return envelope

    def _job(self, draft: Draft[R], envelope: Envelope, receipt: Receipt) -> Job[R]:
        answer = self._job_or_reason(draft, envelope, receipt)
        if isinstance(answer, Rejected):
            raise EnqueueRejected(f"a job of task {draft.task.name!r} was rejected: {answer.why}")
        return answer

    def _job_or_reason(
        self, draft: Draft[R], envelope: Envelope, receipt: Receipt
    ) -> Job[R] | Rejected:
        if receipt is ACCEPTED:
            return Job(self, envelope.id, envelope.queue, draft.task.name)
        if isinstance(receipt, Rejected):
            return receipt
        # After a resend, the id that is there already is our own.
        id = receipt.id if isinstance(receipt, Duplicate) else envelope.id
        return Job(self, id, envelope.queue, draft.task.name, id == envelope.id)

    def _edited(self, queue: str, id: str, changes: Mapping[str, Any]) -> bytes:
        stored = self.show(id, queue)
        if stored.body is None:
            raise _not_found(id, queue)
        body = edited(stored.body, changes, self.config.max_payload)
        task = self.tasks.find(stored.task)
        if task is not None:
            task.signature.decode(decode_body(body, self.config.max_payload).args)
        return body

    def _report(self, name: str, facts: Mapping[str, Any]) -> None:
        # What the backend has to say of itself is of losses; nobody has to subscribe to hear it.
        backend = self.on_backend
        named = {**facts, "backend": backend} if backend else facts
        shown = "".join(f", {key} {value}" for key, value in named.items())
        _logger().warning("%s%s", EVENTS[name], shown, extra={"facts": {"event": name, **named}})
        if self._subscribers.wants(name):
            clock = self._clock or SystemClock()
            self._subscribers.tell(Event(name, clock.time(), facts=facts, backend=backend))


def _copied(given: Any) -> Any:
    return dict(given) if isinstance(given, Mapping) else given


def _refuse_transaction(draft: AnyDraft) -> None:
    if draft.transaction is not None:
        raise ConfigurationError(
            "transaction= cannot be used from a coroutine; enqueue in the thread that owns the"
            " connection"
        )


_RESULT = Need("results", "the result of a job", "the caller")


def _not_found(id: str, queue: str) -> JobNotFound:
    return JobNotFound(
        f"no job {id!r} in queue {queue!r}; ask the queue it was sent to, unless its end is kept no"
        " longer"
    )


def _subscriber_failed(event: Event, error: BaseException) -> None:
    _logger().error("a subscriber of %s failed: %r", event.name, error)


def _logger() -> logging.Logger:
    import logging

    return logging.getLogger("anyjob")
