"""Every key of the configuration, and what its value has to be."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from anyjob.config.model import Config, NamedBackend, WorkerConfig
from anyjob.config.url import BackendURL
from anyjob.core.errors import ConfigurationError, InvalidOption
from anyjob.core.names import checked_name
from anyjob.core.retry import Retry

PREFIX = "ANYJOB_"
#: Variables of ours that are no key: they choose where to look, or serve the command line or tests.
OTHER_VARIABLES = ("ANYJOB_APP", "ANYJOB_PROFILE", "ANYJOB_FAILPOINT")
#: The keys that hold a table of further keys.
TABLES = ("defaults", "worker", "backends")
#: Those whose inner keys are names that somebody chose; `queues` may be a list instead.
NAMING = ("defaults", "backends", "queues")


class Wrong(Exception):
    """Raised by a reader with what it expected; `load` adds the key, its origin and the value."""


class Text(str):
    """Text from where there are no other types: it may stand for a number or a list."""

    __slots__ = ()


def plain(value: Any) -> Any:
    """Return a value in which every Text, however deep, is a str."""
    if isinstance(value, Text):
        return str(value)
    if isinstance(value, Mapping):
        return {plain(name): plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


class Key(msgspec.Struct, frozen=True):
    """One key: how its value is read, and what holds when nobody gives one."""

    name: str
    #: Returns the checked value, or raises Wrong.
    read: Callable[[Any], Any]
    default: Any

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return PREFIX + self.name.replace(".", "_").upper()


def _url(value: Any) -> BackendURL:
    if not isinstance(value, str) or not BackendURL(value).scheme:
        raise Wrong("a URL such as 'sqlite:///jobs.db'")
    return BackendURL(plain(value))


def _name(value: Any) -> str:
    try:
        return checked_name(plain(value), "it")
    except ConfigurationError as error:
        raise Wrong(
            "1 to 80 letters, digits, '_', '.' or '-', beginning with a letter or digit"
        ) from error


def _names(value: Any) -> tuple[str, ...]:
    if isinstance(value, Text):
        value = [part.strip() for part in value.split(",") if part.strip()]
    if not isinstance(value, list | tuple):
        raise Wrong("a list of queue names")
    return tuple(dict.fromkeys(_name(name) for name in value))


def _seconds(least: int) -> Callable[[Any], float]:
    def read(value: Any) -> float:
        number = _number(value, float)
        if number is None or not math.isfinite(number) or number < least:
            raise Wrong(f"seconds, {least} or more")
        return float(number)

    return read


def _whole(least: int) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        number = _number(value, int)
        if not isinstance(number, int) or number < least:
            raise Wrong(f"a whole number, {least} or more")
        return number

    return read


def _number(value: Any, kind: type[int | float]) -> int | float | None:
    if isinstance(value, Text):
        try:
            return kind(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value


def _yes_or_no(value: Any) -> bool:
    if isinstance(value, Text) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if not isinstance(value, bool):
        raise Wrong("true or false")
    return value


def _one_of(*known: str) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if not isinstance(value, str) or value.lower() not in known:
            raise Wrong("one of " + ", ".join(map(repr, known)))
        return value.lower()

    return read


def _option(value: Any) -> Any:
    # It goes on to the encoder, which knows no kind of str but str.
    return plain(value)


def _retry(value: Any) -> Retry | None:
    """A table of the fields of Retry, for no file can name an exception type."""
    if value is None or isinstance(value, Retry):
        return value
    fields = tuple(Retry().portable())
    if not isinstance(value, Mapping) or not set(value) <= set(fields):
        raise Wrong("a table of " + ", ".join(fields))
    try:
        return Retry(**plain(value))
    except (InvalidOption, TypeError) as error:
        # Without the value, which `load` adds unless it is secret.
        raise Wrong(f"a retry policy ({str(error).partition(', got ')[0]})") from error


def option_key(name: str) -> Key:
    """Return the key of a default option; which options there are, the application knows."""
    return Key(f"defaults.{name}", _retry if name == "retry" else _option, None)


def _backend(value: Any) -> NamedBackend:
    """A URL, or a table of it and what goes with it."""
    fields = NamedBackend.__struct_fields__
    table = {"url": value} if isinstance(value, str) else value
    if not isinstance(table, Mapping):
        raise Wrong(f"a URL, or a table of {', '.join(fields)}")
    given = {name: inner for name, inner in table.items() if inner is not None}
    for name in given:
        if name not in fields:
            raise Wrong(f"a table of {', '.join(fields)} and nothing else")
    if "url" not in given:
        raise Wrong("a URL, or a table with url = ...")
    return NamedBackend(
        url=_url(given["url"]),
        store=_url(given["store"]) if "store" in given else None,
        namespace=_name(given["namespace"]) if "namespace" in given else "",
    )


def _queue(value: Any) -> str | None:
    """A table that may name the queue's backend."""
    if not isinstance(value, Mapping) or not set(value) <= {"backend"}:
        raise Wrong("a table of backend, the name of one")
    backend = value.get("backend")
    return None if backend is None else _name(backend)


def named_key(name: str) -> Key:
    """Return the key of something that somebody named: an option, a backend or a queue."""
    table, _, inner = name.partition(".")
    if table == "defaults":
        return option_key(inner)
    return Key(name, _backend if table == "backends" else _queue, None)


def _keys() -> dict[str, Key]:
    readers: dict[str, Callable[[Any], Any]] = {
        "backend": _url,
        "store": _url,
        "namespace": _name,
        "queues": _names,
        "lease": _seconds(1),
        "max_redeliveries": _whole(0),
        "allow_long_jobs": _yes_or_no,
        "unknown_task_grace": _seconds(0),
        "max_payload": _whole(1),
        "max_result": _whole(1),
        "worker.concurrency": _whole(1),
        "worker.grace": _seconds(0),
        "worker.cancel_grace": _seconds(0),
        "worker.log_level": _one_of("debug", "info", "warning", "error", "critical"),
        "worker.log_format": _one_of("text", "json"),
        "worker.queues": _names,
    }
    plain = Config(backend=BackendURL(""))
    defaults = {name: getattr(plain, name) for name in readers if "." not in name}
    for name in WorkerConfig.__struct_fields__:
        defaults[f"worker.{name}"] = getattr(plain.worker, name)
    return {name: Key(name, read, defaults[name]) for name, read in readers.items()}


#: By dotted name; the options under "defaults" come on top.
KEYS = _keys()
