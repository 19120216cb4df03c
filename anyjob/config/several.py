"""Several backends of one application: their names, and which queue goes to which. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from anyjob.config.model import DEFAULT_BACKEND, Config, NamedBackend
from anyjob.core.errors import ConfigurationError
from anyjob.core.names import checked_name, suggestion


def named_backends(values: Mapping[str, Any]) -> dict[str, NamedBackend]:
    """Return the backends by name, `backend` among them as "default"; none where that is the only
    one.

    `values` are checked ones by dotted key. Raises ConfigurationError for what two would share.
    """
    named: dict[str, NamedBackend] = _below("backends", values)
    if not named:
        return {}
    for name in named:
        checked_name(name, "the name of a backend")
    if "backend" in values:
        if DEFAULT_BACKEND in named:
            raise ConfigurationError(
                f"two backends are named {DEFAULT_BACKEND!r}: backend = ... and"
                f" backends.{DEFAULT_BACKEND}; keep one of them, or give the second another name"
            )
        own = NamedBackend(url=values["backend"], store=values.get("store"))
        named = {DEFAULT_BACKEND: own, **named}
    elif "store" in values:
        raise ConfigurationError(
            "store = ... belongs to backend = ..., which is not given; write it into the table of"
            f" the backend it is for, such as backends.{min(named)} = {{url = ..., store = ...}}"
        )
    namespace = values.get("namespace", Config(backend=named[min(named)].url).namespace)
    named = {
        name: msgspec.structs.replace(one, namespace=one.namespace or namespace)
        for name, one in named.items()
    }
    _refuse_shared("the same URL", {name: (b.url, b.namespace) for name, b in named.items()})
    stores = {name: (b.store, b.namespace) for name, b in named.items() if b.store is not None}
    _refuse_shared("the same store", stores)
    return named


def routes_of(
    values: Mapping[str, Any], backends: Mapping[str, NamedBackend]
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the name of the backend of each routed queue, and every queue that is configured.

    Raises ConfigurationError for a queue whose backend nobody named or that is routed to none, and
    for a backend that no queue uses.
    """
    tables: dict[str, str | None] = _below("queues", values)
    for queue in tables:
        checked_name(queue, "the name of a queue")
    routes = {queue: backend for queue, backend in tables.items() if backend is not None}
    known = backends or ([DEFAULT_BACKEND] if "backend" in values else [])
    for queue, backend in routes.items():
        if backend not in known:
            raise ConfigurationError(
                f"queue {queue!r} is routed to backend {backend!r}, which nobody named"
                f"{suggestion(backend, known) or '; name it in backends'}"
            )
    queues = tuple(dict.fromkeys((*values.get("queues", ()), *tables)))
    if not backends:
        return {}, queues
    if DEFAULT_BACKEND not in backends:
        for queue in queues:
            if queue not in routes:
                raise ConfigurationError(no_route(queue, backends))
    for name in backends:
        if name != DEFAULT_BACKEND and name not in routes.values():
            raise ConfigurationError(
                f"no queue uses backend {name!r}; route one to it by queues.NAME.backend ="
                f" {name!r}, or take it out of backends"
            )
    return routes, queues


def no_route(queue: str, backends: Mapping[str, NamedBackend]) -> str:
    """Return what is wrong with a queue that goes nowhere, and how to mend it."""
    return (
        f"queue {queue!r} is routed to no backend; add queues.{queue}.backend = one of"
        f" {', '.join(sorted(backends))}, or give the backend of all other queues as backend = ..."
    )


def _refuse_shared(what: str, places: Mapping[str, Any]) -> None:
    holders: dict[Any, str] = {}
    for name, place in places.items():
        other = holders.setdefault(place, name)
        if other != name:
            raise ConfigurationError(
                f"backends {other!r} and {name!r} have {what}; route the queues of both to one, or"
                f" give one a namespace of its own: backends.{name} = {{url = ..., namespace ="
                " ...}"
            )


def _below(table: str, values: Mapping[str, Any]) -> dict[str, Any]:
    prefix = f"{table}."
    found = {name: value for name, value in values.items() if name.startswith(prefix)}
    return {name.removeprefix(prefix): value for name, value in found.items()}
