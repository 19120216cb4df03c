"""The middleware of an app: what it has to be, and what it adds and needs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from anyjob.core.capabilities import Need
from anyjob.core.errors import ConfigurationError, shown
from anyjob.core.middleware import Middleware
from anyjob.core.options import NAMES


def checked_middleware(middleware: object) -> tuple[Middleware, ...]:
    """Return middleware; raises ConfigurationError for what is none, such as its class."""
    given = tuple(middleware) if isinstance(middleware, Iterable) else (middleware,)
    for one in given:
        if not isinstance(one, Middleware):
            raise ConfigurationError(
                f"expected middleware to be a list of Middleware objects, got {shown(one)} for one;"
                " pass [Timing()], for example"
            )
    return given


def declared_options(middleware: Sequence[Middleware]) -> dict[str, type]:
    """Join what middleware adds; raises ConfigurationError if a name is taken."""
    declared: dict[str, type] = {}
    for one in middleware:
        for name, kind in one.options.items():
            if name in declared or name in NAMES:
                raise ConfigurationError(
                    f"middleware {type(one).__name__} declares the option {name!r}, which is taken;"
                    " rename it"
                )
            declared[name] = kind
    return declared


def needs_of(middleware: Sequence[Middleware]) -> list[Need]:
    """Return what middleware asks of the backend."""
    return [
        Need(name, name, f"middleware {type(one).__name__}")
        for one in middleware
        for name in one.needs
    ]
