"""What transports and drivers say, told in errors of ours."""

from __future__ import annotations

from collections.abc import Iterator

from anyjob.backends.kombu.url import Location
from anyjob.core.errors import (
    AnyjobError,
    BackendError,
    BackendFull,
    BackendUnavailable,
    ConfigurationError,
)

#: What redis-py raises where user or password are wrong, and how Redis begins what it says then.
_NOT_ME = ("AuthenticationError", "AuthenticationWrongNumberOfArgsError", "AccessRefused")
_NOT_ME_WORDS = ("NOAUTH", "WRONGPASS", "invalid username-password", "invalid password")
#: Of redis-py, which keeps the first word of what Redis says to itself: nothing was done.
_REFUSALS = (
    "BusyLoadingError",
    "ClusterDownError",
    "MasterDownError",
    "ReadOnlyError",
    "ResponseError",
    "TryAgainError",
)
#: Mistakes of a program's own; whatever else comes from below is the driver's.
OWN = (TypeError, AssertionError, NameError, UnboundLocalError, NotImplementedError)


class Lost(BackendUnavailable):
    """The connection broke: what was asked in this moment may have been done."""


class Uncertain(BackendError):
    """Nobody knows whether what was asked was done, in whole or in part; it may be asked again."""

    retryable = True


class NoQueue(BackendUnavailable):
    """The broker has no such queue."""


class Refused(BackendUnavailable):
    """The broker refuses for the moment, and nothing was done."""


def unconnected(location: Location, error: BaseException) -> AnyjobError:
    """The error of ours for a connection that was not made."""
    for cause in _causes(error):
        kind, text = type(cause).__name__, str(cause)
        if kind in _NOT_ME or text.startswith(_NOT_ME_WORDS):
            return ConfigurationError(
                f"{location.shown} refuses the user or the password; correct them in the URL"
            )
        if kind == "NotAllowed" or "invalid DB index" in text or "DB index is out" in text:
            return ConfigurationError(
                f"{location.shown} has no such virtual host or database, or this user may not use"
                " it; correct the URL's path"
            )
        if kind == "NoPermissionError":
            return _no_right(location)
    return BackendUnavailable(f"{location.shown} cannot be reached ({type(error).__name__})")


def failed(location: Location, error: BaseException) -> AnyjobError:
    """The error of ours for what a driver raises in the middle of its work."""
    kind = type(error).__name__
    if kind == "NotFound":
        return NoQueue(
            f"{location.shown} has no queue of the name that was asked; declare it with declare()"
        )
    if kind == "OutOfMemoryError":
        return BackendFull(
            f"{location.shown} has no memory left for more jobs; let workers drain it, or raise"
            " maxmemory"
        )
    if kind in ("NoPermissionError", "AccessRefused"):
        return _no_right(location)
    if kind in _REFUSALS:
        return Refused(f"{location.shown} refuses for the moment ({kind})")
    return Lost(f"{location.shown} was lost ({kind})")


def _no_right(location: Location) -> ConfigurationError:
    return ConfigurationError(
        f"{location.shown} does not let this user do what is needed; give it the rights that the"
        " page 'Jobs wherever kombu can put messages' lists"
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
