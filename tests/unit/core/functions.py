"""Functions of every shape, and what a task makes of their arguments.

Their hints are objects and no texts: errors show them.
"""

from collections.abc import Callable
from typing import Any

from anyjob.core.arguments import Signature


def signature(function: Callable[..., Any]) -> Signature:
    return Signature(function, "shop.task-1")


def travelled(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Return what a function returns that is called with arguments that were stored."""
    way = signature(function)
    return way.call(way.decode(way.encode(way.bind(args, kwargs))))


def everything(  # type: ignore[no-untyped-def]
    a: int, b: int = 2, /, c: int = 3, *rest: int, d: int, e: int = 5, **more: int
):
    return (a, b, c, rest, d, e, more)


def no_star(a: int, b: int = 2, /, c: int = 3, *, d: int = 4) -> Any:
    return (a, b, c, d)


def ordinary(a: int, b: int = 2, *, c: int = 3) -> Any:
    return (a, b, c)


def required(a: int, b: int) -> Any:
    return (a, b)


def nothing() -> Any:
    return ()


def only_rest(*rest: int) -> Any:
    return rest


def only_more(a: int = 1, **more: int) -> Any:
    return (a, more)
