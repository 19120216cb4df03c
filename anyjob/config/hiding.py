"""Errors that leave without the secrets of a configuration."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from anyjob.core.errors import AnyjobError


@contextmanager
def hiding(redact: Callable[[str], str]) -> Iterator[None]:
    """Mask what an error of ours says; one whose cause would tell it leaves without its cause."""
    try:
        yield
    except AnyjobError as error:
        error.args = tuple(redact(arg) if isinstance(arg, str) else arg for arg in error.args)
        if any(redact(text) != text for text in map(str, _behind(error))):
            raise error from None
        raise


def _behind(error: BaseException) -> Iterator[BaseException]:
    while (cause := error.__cause__ or error.__context__) is not None:
        yield cause
        error = cause
