"""What configuration comes to: one frozen value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from anyjob.config.url import MASK, BackendURL, Secret, redact
from anyjob.core.errors import ConfigurationError, InvalidOption
from anyjob.core.limits import MAX_PAYLOAD
from anyjob.core.result import MAX_RESULT

LogFormat = Literal["text", "json"]


class WorkerConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How a worker process runs unless its command line says otherwise. Spans in seconds."""

    #: Jobs that run at once.
    concurrency: int = 32
    #: What running jobs have to finish in, once the worker was told to end.
    grace: float = 25.0
    #: What a job has to end in, once it was told to.
    cancel_grace: float = 5.0
    log_level: str = "info"
    log_format: LogFormat = "text"
    #: Empty: every queue of the application.
    queues: tuple[str, ...] = ()


class NamedBackend(msgspec.Struct, frozen=True, kw_only=True):
    """One of several backends of an application."""

    url: BackendURL
    store: BackendURL | None = None
    namespace: str = ""


#: The name of `backend` among several, and where a queue goes that is routed nowhere.
DEFAULT_BACKEND = "default"


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that was configured. Spans in seconds, sizes in bytes."""

    #: Empty where each backend has a name.
    backend: BackendURL
    store: BackendURL | None = None
    #: Keeps several applications on one backend apart.
    namespace: str = "anyjob"
    #: Queues that exist beside those the tasks name.
    queues: tuple[str, ...] = ()
    #: Several backends by name, with `backend` among them; empty where that is the only one.
    backends: Mapping[str, NamedBackend] = {}
    #: The name of the backend of each queue that was routed.
    routes: Mapping[str, str] = {}
    #: Options of every task that does not say otherwise; names and ranges are not checked yet.
    defaults: Mapping[str, Any] = {}
    lease: float = 30.0
    #: Lost leases after which a job is buried as poison.
    max_redeliveries: int = 5
    #: Whether a task's timeout may reach past what the backend lets a worker keep a job.
    allow_long_jobs: bool = False
    #: How long a job waits for a worker that knows its task.
    unknown_task_grace: float = 3600.0
    max_payload: int = MAX_PAYLOAD
    max_result: int = MAX_RESULT
    worker: WorkerConfig = WorkerConfig()
    #: What to arm for a test of crashes, from ANYJOB_FAILPOINT.
    failpoint: str = ""
    #: The profile that was chosen, and the file that was read; empty for none.
    profile: str = ""
    file: str = ""
    #: Where each value came from, by dotted key: "argument", "ANYJOB_LEASE",
    #: "/app/anyjob.toml: lease" or "default".
    origins: Mapping[str, str] = {}
    #: What `redact` hunts for.
    secrets: tuple[Secret, ...] = ()
    #: The dotted keys of values that came, at least in part, from `${NAME}` or `file:`.
    referenced: frozenset[str] = frozenset()

    def route_of(self, queue: str) -> str | None:
        """Return the name of the backend, of several, that has a queue; None if it is routed to
        none.
        """
        fallback = DEFAULT_BACKEND if DEFAULT_BACKEND in self.backends else None
        return self.routes.get(queue, fallback)

    def redact(self, text: str) -> str:
        """Return `text` without the secrets of this configuration and without those of any URL."""
        return redact(text, self.secrets)

    def refused_default(self, name: str, error: ConfigurationError) -> InvalidOption:
        """Return the error of a default option that the application refuses: with its place, and
        without a value that came from a reference.
        """
        origin = self.origins[f"defaults.{name}"]
        text = str(error)
        expected, got, _ = text.partition(", got ")
        if got and f"defaults.{name}" in self.referenced:
            text = f"{expected}{got}{MASK!r}"
        return InvalidOption(text if origin == "argument" else f"{origin}: {text}")

    def __repr__(self) -> str:
        fields = (
            f"{name}={value!r}"
            for name, value in self._shown().items()
            if name not in ("origins", "secrets", "referenced")
        )
        return self.redact(f"Config({', '.join(fields)})")

    def _shown(self) -> dict[str, Any]:
        """The fields, without the default options that came from a reference: those may be too
        short to be hunted for.
        """
        masked = {
            name: MASK if f"defaults.{name}" in self.referenced else value
            for name, value in self.defaults.items()
        }
        return {name: getattr(self, name) for name in self.__struct_fields__} | {"defaults": masked}
