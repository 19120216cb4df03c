"""A registered function with a name and default options, and the two ways to make jobs of it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, Protocol, TypeVar

from msgspec import UNSET, UnsetType

from anyjob.core import options as options_module
from anyjob.core.draft import Draft
from anyjob.core.durations import Duration
from anyjob.core.errors import ConfigurationError, TaskNotFound, shown
from anyjob.core.job import Job
from anyjob.core.names import checked_task_name, suggestion
from anyjob.core.options import Options
from anyjob.core.retry import Retry

if TYPE_CHECKING:
    from anyjob.core.arguments import Signature

P = ParamSpec("P")
R = TypeVar("R")


class TaskDoor(Protocol):
    """What a task asks its app."""

    @property
    def declared_options(self) -> Mapping[str, type]: ...
    @property
    def defaults(self) -> Mapping[str, Any]: ...
    def enqueue(self, draft: Draft[R]) -> Job[R]: ...
    async def aenqueue(self, draft: Draft[R]) -> Job[R]: ...


class Task(Generic[P, R]):
    """A function that jobs can be made of. Made by `App.task`; calling it runs the function here
    and now.
    """

    def __init__(
        self,
        door: TaskDoor,
        function: Callable[P, Any],
        *,
        name: str | None,
        aliases: Sequence[str],
        options: Mapping[str, Any],
    ) -> None:
        self._door = door
        self.function = function
        self.name = checked_task_name(name if name is not None else _own_name(function))
        if isinstance(aliases, str) or not isinstance(aliases, Iterable):
            raise ConfigurationError(
                f"expected aliases of task {self.name!r} to be a list of names, got"
                f" {shown(aliases)}; pass aliases=[...]"
            )
        self.aliases = tuple(checked_task_name(alias) for alias in aliases)
        self.is_async = is_async(function)
        _refuse_generators(function, self.name)
        _refuse_methods(function, self.name)
        #: The options given at decoration, checked.
        self.given = options_module.checked(options, door.declared_options)
        options_module.merged({}, self.given, {})
        self.__doc__ = function.__doc__
        self.__wrapped__ = function
        self.__name__ = self.name
        self._signature: Signature | None = None

    @cached_property
    def options(self) -> Options:
        """App's and task's options merged: what a job without options of its own gets.

        Merged on first use, because the app's come from its configuration, which is not read when
        a module is imported. Raises ConfigurationError.
        """
        return options_module.merged(self._door.defaults, self.given, {})

    @property
    def signature(self) -> Signature:
        """The compiled signature; made on first use, when all names in its hints exist. Raises
        ConfigurationError.
        """
        if self._signature is None:
            from anyjob.core.arguments import Signature

            self._signature = Signature(self.function, self.name)
        return self._signature

    @property
    def queue(self) -> str:
        return self.options.queue

    @property
    def extra_options(self) -> dict[str, Any]:
        """The task's values of options that middleware declared."""
        return dict(self.options.extra)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Any:
        return self.function(*args, **kwargs)

    def job(self, *args: P.args, **kwargs: P.kwargs) -> Draft[R]:
        """Return a job with these arguments, not enqueued; raises InvalidArguments for missing and
        extra ones.
        """
        signature = self._signature or self.signature
        return Draft(self, signature.bind(args, kwargs), _NO_OPTIONS)

    def enqueue(self, *args: P.args, **kwargs: P.kwargs) -> Job[R]:
        """Store a job with these arguments and return its handle.

        Blocks for one write of the backend. Raises InvalidArguments, PayloadTooLarge,
        UnsupportedCapability and EnqueueRejected before any effect; BackendUnavailable and
        BackendFull without effect; EnqueueUncertain.
        """
        return self._door.enqueue(self.job(*args, **kwargs))

    async def aenqueue(self, *args: P.args, **kwargs: P.kwargs) -> Job[R]:
        """Do what `enqueue` does without blocking the event loop."""
        return await self._door.aenqueue(self.job(*args, **kwargs))

    def using(
        self,
        *,
        queue: str | UnsetType = UNSET,
        priority: int | UnsetType = UNSET,
        retry: Retry | UnsetType | None = UNSET,
        timeout: Duration | UnsetType | None = UNSET,
        delay: Duration | UnsetType | None = UNSET,
        run_at: datetime | UnsetType | None = UNSET,
        expires: Duration | datetime | UnsetType | None = UNSET,
        unique_key: str | UnsetType | None = UNSET,
        unique_ttl: Duration | UnsetType | None = UNSET,
        headers: Mapping[str, str] | UnsetType = UNSET,
        keep: Duration | UnsetType = UNSET,
        transaction: Any = None,
        **extra: Any,
    ) -> BoundTask[P, R]:
        """Return the task with options for the jobs that are made through it.

        `queue` names the line; `priority` is 0 to 9, higher first; `retry` and `timeout` hold for
        each attempt; `delay` or `run_at` (aware) say when the job becomes ready, `expires` when it
        is no longer worth starting; `unique_key` lets one unfinished job of that key exist per
        queue, at most for `unique_ttl`; `headers` travel with the job; `keep` is how long its
        result is shown, and its end too, but that at least as long as the backend remembers ids
        (60 s); `transaction` is a connection of yours to the same database. `extra` are options
        that middleware declared. Raises InvalidOption.
        """
        given = {
            "queue": queue,
            "priority": priority,
            "retry": retry,
            "timeout": timeout,
            "delay": delay,
            "run_at": run_at,
            "expires": expires,
            "unique_key": unique_key,
            "unique_ttl": unique_ttl,
            "headers": headers,
            "keep": keep,
        }
        chosen = {name: value for name, value in given.items() if value is not UNSET}
        return BoundTask(self, self._door, self.checked(chosen | extra), transaction)

    def checked(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return options of one job, checked; raises InvalidOption."""
        return options_module.checked(options, self._door.declared_options)

    def read_options(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return the middleware's options of a message, typed as declared; raises InvalidOption."""
        return options_module.travelled(options, self._door.declared_options)

    def options_for(self, call: Mapping[str, Any]) -> Options:
        """Return the merged options of a job: call over task over app."""
        if not call:
            return self.options
        return options_module.merged(self._door.defaults, self.given, call)

    def __get__(self, instance: object, owner: type | None = None) -> Task[P, R]:
        # A task declared in a class body stays a task: it is not bound to an instance, which could
        # not travel.
        return self

    def __repr__(self) -> str:
        # Not its queue, which may stand in a configuration that cannot be read.
        return f"<Task {self.name}>"


class SyncTask(Task[P, R]):
    """A task whose function returns its result."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self.function(*args, **kwargs)  # type: ignore[no-any-return]


class AsyncTask(Task[P, R]):
    """A task whose function is a coroutine function."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, R]:
        return self.function(*args, **kwargs)  # type: ignore[no-any-return]


class BoundTask(Generic[P, R]):
    """A task with options for the jobs made through it."""

    __slots__ = ("_door", "options", "task", "transaction")

    def __init__(
        self, task: Task[P, R], door: TaskDoor, options: Mapping[str, Any], transaction: Any
    ) -> None:
        self._door = door
        self.task = task
        self.options = options
        self.transaction = transaction

    def __repr__(self) -> str:
        return f"<Task {self.task.name} using {', '.join(self.options) or 'nothing'}>"

    def job(self, *args: P.args, **kwargs: P.kwargs) -> Draft[R]:
        """Return a job with these arguments and options, not enqueued."""
        return Draft(
            self.task, self.task.signature.bind(args, kwargs), self.options, self.transaction
        )

    def enqueue(self, *args: P.args, **kwargs: P.kwargs) -> Job[R]:
        """Store a job with these arguments and options; as `Task.enqueue`."""
        return self._door.enqueue(self.job(*args, **kwargs))

    async def aenqueue(self, *args: P.args, **kwargs: P.kwargs) -> Job[R]:
        """Do what `enqueue` does without blocking the event loop."""
        return await self._door.aenqueue(self.job(*args, **kwargs))


class Registry:
    """The tasks of one app by name and alias. Register before use; any thread may read."""

    def __init__(self) -> None:
        self._by_name: dict[str, Task[..., Any]] = {}
        self._tasks: list[Task[..., Any]] = []

    def add(self, task: Task[..., Any]) -> None:
        """Register a task; raises ConfigurationError if its name or an alias is taken."""
        for name in (task.name, *task.aliases):
            if name in self._by_name:
                holder = self._by_name[name].function
                raise ConfigurationError(
                    f"two tasks are named {name!r}: {_where(holder)} and {_where(task.function)};"
                    " pass name=... to one of them"
                )
        for name in (task.name, *task.aliases):
            self._by_name[name] = task
        self._tasks.append(task)

    def find(self, name: str) -> Task[..., Any] | None:
        """Return the task of that exact name or alias, or None."""
        return self._by_name.get(name) if isinstance(name, str) else None

    def get(self, name: str) -> Task[..., Any]:
        """Return the task of that exact name or alias; raises TaskNotFound."""
        task = self.find(name)
        if task is None:
            # Whatever was asked for: it may be no name at all.
            near = suggestion(name if isinstance(name, str) else "", self._by_name)
            raise TaskNotFound(f"no task {shown(name)} is registered{near}")
        return task

    def queues(self) -> set[str]:
        """Name the queues that some task uses."""
        return {task.queue for task in self._tasks}

    def __iter__(self) -> Iterator[Task[..., Any]]:
        return iter(self._tasks)

    def __len__(self) -> int:
        return len(self._tasks)

    def __contains__(self, name: object) -> bool:
        return name in self._by_name


_NO_OPTIONS: Mapping[str, Any] = {}


def _own_name(function: Callable[..., Any]) -> str:
    name = getattr(function, "__name__", None)
    if name is None or name == "<lambda>":
        raise ConfigurationError(f"{function!r} has no name of its own; pass name=...")
    return str(name)


def is_async(function: Callable[..., Any]) -> bool:
    """Whether calling `function` gives a coroutine."""
    import inspect

    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004 - asks whether a callable object's call is async
    )


def _refuse_generators(function: Callable[..., Any], name: str) -> None:
    import inspect

    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise ConfigurationError(
            f"task {name!r} is a generator; a task returns its result, it does not yield"
        )


def _refuse_methods(function: Callable[..., Any], name: str) -> None:
    import inspect

    target = inspect.unwrap(function)
    if not inspect.isfunction(target):
        return
    owner = target.__qualname__.rpartition(".")[0].rpartition(".")[2]
    first = target.__code__.co_varnames[: target.__code__.co_argcount][:1]
    if owner not in ("", "<locals>") and first in (("self",), ("cls",)):
        raise ConfigurationError(
            f"task {name!r} is a method of class {owner!r}, and a job carries no {first[0]!r}; make"
            " it a function, or a @staticmethod that is given what it needs"
        )


def _where(function: Callable[..., Any]) -> str:
    module = getattr(function, "__module__", "?")
    return f"{module}.{getattr(function, '__qualname__', function)}"
