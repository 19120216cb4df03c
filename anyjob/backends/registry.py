"""Which class keeps the contract for which URL scheme.

A backend from another distribution is found by its entry point when its scheme is named; that it is
installed changes nothing.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from anyjob.core.backend import Backend
from anyjob.core.clock import Clock
from anyjob.core.errors import ConfigurationError
from anyjob.core.names import suggestion
from anyjob.core.store import Store

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

BACKENDS = {
    "amqp": "anyjob.backends.rabbitmq:RabbitBackend [rabbitmq]",
    "amqps": "anyjob.backends.rabbitmq:RabbitBackend [rabbitmq]",
    "memory": "anyjob.backends.memory:MemoryBackend",
    "redis": "anyjob.backends.redis:RedisBackend [redis]",
    "redis+cluster": "anyjob.backends.redis:RedisBackend [redis]",
    "redis+sentinel": "anyjob.backends.redis:RedisBackend [redis]",
    "rediss": "anyjob.backends.redis:RedisBackend [redis]",
    "rediss+cluster": "anyjob.backends.redis:RedisBackend [redis]",
    "rediss+sentinel": "anyjob.backends.redis:RedisBackend [redis]",
    "sqlite": "anyjob.backends.sqlite:SQLiteBackend",
    "sqs": "anyjob.backends.sqs:SQSBackend [sqs]",
    "sqs+fifo": "anyjob.backends.sqs:SQSBackend [sqs]",
    "unix": "anyjob.backends.redis:RedisBackend [redis]",
}
STORES = {
    "memory": "anyjob.backends.memory:MemoryStore",
    "redis": "anyjob.backends.redis:RedisStore [redis]",
    "redis+cluster": "anyjob.backends.redis:RedisStore [redis]",
    "redis+sentinel": "anyjob.backends.redis:RedisStore [redis]",
    "rediss": "anyjob.backends.redis:RedisStore [redis]",
    "rediss+cluster": "anyjob.backends.redis:RedisStore [redis]",
    "rediss+sentinel": "anyjob.backends.redis:RedisStore [redis]",
    "sqlite": "anyjob.backends.sqlite:SQLiteStore",
    "unix": "anyjob.backends.redis:RedisStore [redis]",
}

#: Whatever stands behind the '+' of this scheme is told apart by its backend.
_KOMBU = "kombu+"
_KOMBU_BACKEND = "anyjob.backends.kombu:KombuBackend [kombu]"

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")


def backend_for(url: str, *, namespace: str = "anyjob", clock: Clock | None = None) -> Backend:
    """Return the unopened backend that `url` names; touches nothing but the backend's module.

    Raises ConfigurationError for an unknown scheme, a driver that is not installed, and a URL that
    the backend refuses.
    """
    kind: type[Backend] = _found(url, "backend", BACKENDS, Backend)
    return kind(_with_plain_scheme(url), namespace=namespace, clock=clock)


def store_for(url: str, *, namespace: str = "anyjob", clock: Clock | None = None) -> Store:
    """Return the unopened store that `url` names; as `backend_for`."""
    kind: type[Store] = _found(url, "store", STORES, Store)
    return kind(_with_plain_scheme(url), namespace=namespace, clock=clock)


def _found(url: str, what: str, built_in: dict[str, str], contract: type) -> Any:
    match = _SCHEME.match(url)
    if match is None:
        raise ConfigurationError(f"expected the {what} to be a URL such as 'sqlite:///jobs.db'")
    scheme = match[1].lower()
    if scheme in built_in:
        return _class_in(_own_entry(scheme, built_in[scheme]), what, contract)
    if scheme.startswith(_KOMBU) and built_in is BACKENDS:
        return _class_in(_own_entry(scheme, _KOMBU_BACKEND), what, contract)
    return _class_in(_foreign_entry(scheme, what, built_in), what, contract)


def _with_plain_scheme(url: str) -> str:
    """A scheme means the same in capitals (RFC 3986, 3.1), so that no backend has to care."""
    scheme, separator, rest = url.partition("://")
    return f"{scheme.lower()}{separator}{rest}"


def _own_entry(scheme: str, target: str) -> EntryPoint:
    from importlib.metadata import EntryPoint

    return EntryPoint(scheme, target, "")


def _foreign_entry(scheme: str, what: str, built_in: dict[str, str]) -> EntryPoint:
    from importlib.metadata import entry_points

    group = f"anyjob.{what}s"
    installed = entry_points(group=group)
    named = {entry.value: entry for entry in installed if entry.name == scheme}
    if not named:
        known = {*built_in, *(entry.name for entry in installed)}
        raise ConfigurationError(
            f"no {what} is known for {scheme + '://'!r}{suggestion(scheme, known)}; correct the"
            f" URL, or install the package that names {scheme!r} among its entry points {group!r}"
        )
    if len(named) > 1:
        raise ConfigurationError(
            f"two packages bring a {what} for {scheme + '://'!r}: {' and '.join(sorted(named))};"
            " uninstall one of them"
        )
    return named.popitem()[1]


def _class_in(entry: EntryPoint, what: str, contract: type) -> Any:
    try:
        loaded: Any = entry.load()
    except ImportError as error:
        if (error.name or "").startswith("anyjob."):
            raise  # a part of ourselves is broken: no driver that anybody could install
        raise ConfigurationError(
            f"the {what} for {entry.name + '://'!r} needs {error.name or str(error)!r}, which is"
            f" not installed; {_remedy(entry)}"
        ) from error
    except AttributeError as error:
        raise ConfigurationError(
            f"the {what} for {entry.name + '://'!r} is not at {entry.value!r}: {error};"
            f" {_remedy(entry)}"
        ) from error
    if not (isinstance(loaded, type) and issubclass(loaded, contract)):
        raise ConfigurationError(
            f"expected {entry.value!r}, the {what} for {entry.name + '://'!r}, to be a subclass of"
            f" {contract.__name__}, got {loaded!r}"
        )
    return loaded


def _remedy(entry: EntryPoint) -> str:
    """What to type; a package names the extra that a backend needs as `module:Class [extra]`."""
    if entry.dist is None:  # one of our own
        if entry.extras:
            return f"pip install 'anyjob[{','.join(entry.extras)}]'"
        return "use a Python that was built with it"
    extras = f"[{','.join(entry.extras)}]" if entry.extras else ""
    wanted = f"{entry.dist.name}{extras}"
    return f"pip install {wanted!r}" if extras else f"pip install --upgrade {wanted!r}"
