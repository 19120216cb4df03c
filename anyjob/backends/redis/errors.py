"""What the server and the driver say, told in errors of ours."""

from __future__ import annotations

import ssl
from collections.abc import Sequence

import redis

from anyjob.backends.redis.resp import ReplyError
from anyjob.backends.redis.url import Location
from anyjob.core.errors import (
    AnyjobError,
    BackendCorrupt,
    BackendError,
    BackendFull,
    BackendUnavailable,
    ConfigurationError,
)

#: Refusals that pass by themselves; nothing was done, so the same may be sent again.
PASSING = frozenset({"LOADING", "BUSY", "MASTERDOWN", "TRYAGAIN", "CLUSTERDOWN", "NOREPLICAS"})

_ADVICE = {
    "LOADING": "it is reading its data from disk; wait until it has",
    "BUSY": "a script of somebody's does not end; SCRIPT KILL ends it",
    "READONLY": "it is a replica; name the primary, or the sentinels that know it",
    "MASTERDOWN": "it is a replica without its primary",
    "CLUSTERDOWN": "its Cluster is not complete; CLUSTER INFO says what is missing",
    "ASK": "its Cluster is moving the slot of what was asked for",
    "MOVED": "its Cluster has moved the slot of what was asked for",
    "TRYAGAIN": "its Cluster is moving the slot of what was asked for",
    "NOREPLICAS": "it has fewer replicas than min-replicas-to-write asks for",
    "MISCONF": "it cannot write its data to disk and refuses every change; look at its log",
}


_NO_TLS = "; if it speaks no TLS, write redis://"


class Lost(Exception):
    """The connection broke, or the deadline passed."""

    def __init__(self, why: str, *, sent: bool) -> None:
        super().__init__(why)
        self.why = why
        #: Whether the server may have got what it was asked.
        self.sent = sent


def unreachable(location: Location, why: str) -> BackendUnavailable:
    return BackendUnavailable(f"{location.shown} {why}")


def unconnected(location: Location, error: Exception) -> AnyjobError:
    """The error of ours for a connection that was not made."""
    text = str(error)
    if isinstance(error, redis.AuthenticationError) or "WRONGPASS" in text:
        return ConfigurationError(
            f"{location.shown} refuses the user or the password; correct them in the URL"
        )
    if "without any password configured" in text:
        return ConfigurationError(
            f"{location.shown} wants no password; leave it out of the URL, or give the server one"
        )
    if isinstance(error, redis.exceptions.NoPermissionError):
        return refused(location, ReplyError(f"NOPERM {text}"))
    if "DB index" in text or "invalid DB" in text:
        return ConfigurationError(
            f"{location.shown} has no database {location.db}; the URL's path is its number"
        )
    if isinstance(error, redis.BusyLoadingError):
        return unreachable(location, f"is not ready: {_ADVICE['LOADING']}")
    cause = error.__cause__ or error.__context__
    if isinstance(cause, ssl.SSLCertVerificationError):
        return ConfigurationError(
            f"{location.shown} shows a certificate that proves nothing:"
            f" {_plain(cause.verify_message)}; name who signed it with ?ca=, and the host as the"
            " certificate does"
        )
    if isinstance(error, redis.TimeoutError | TimeoutError):
        hint = _NO_TLS if location.tls else ""
        return unreachable(location, f"did not answer in time{hint}")
    if location.tls:
        hint = _NO_TLS if isinstance(cause, ssl.SSLError) else ""
    else:
        hint = tls_hint(location) if _has_ended(error) else ""
    return unreachable(location, f"cannot be reached: {_plain(text)}{hint}")


def unreadable(location: Location) -> ConfigurationError | None:
    """The error of ours for files of the URL's that no connection can be made with."""
    context = ssl.create_default_context()
    try:
        if location.ca:
            context.load_verify_locations(location.ca)
        if location.cert:
            context.load_cert_chain(location.cert, location.key, password="")
    except OSError as error:
        return ConfigurationError(
            "the files of ?ca=, ?cert= and ?key= hold no certificates and key to be used:"
            f" {_plain(str(error))}"
        )
    return None


def tls_hint(location: Location) -> str:
    """What may be the matter with a server that ends a connection without a word."""
    return "" if location.tls or location.path else "; if it speaks TLS alone, write rediss://"


def _has_ended(error: Exception) -> bool:
    return "closed by server" in str(error) or isinstance(error.__context__, ConnectionResetError)


def forbidden(location: Location, error: ReplyError, missing: Sequence[str]) -> AnyjobError:
    """The error of ours for a right that the user lacks; `missing` as an access list would say it,
    as far as is known.
    """
    lacks = f" (it lacks {' '.join(missing)})" if missing else ""
    return ConfigurationError(
        f"{location.shown} does not let this user do what is needed: {_plain(str(error))}{lacks};"
        " give it the rights of docs/how-to/redis.md"
    )


def refused(location: Location, error: ReplyError) -> AnyjobError:
    """The error of ours for a command that the server refused."""
    where, code = location.shown, error.code
    if code == "OOM":
        return BackendFull(
            f"{where} has used all the memory that its maxmemory allows; running jobs still settle;"
            " raise maxmemory, or let the workers catch up"
        )
    if code == "WRONGTYPE":
        return BackendCorrupt(
            f"{where} holds a key of another type where the jobs are; somebody else writes under"
            " this namespace; move that key away, or choose another namespace"
        )
    if error.is_of_rights:
        return forbidden(location, error, [])
    if code == "NOAUTH":
        return ConfigurationError(
            f"{where} wants a password; write redis://:password@host, or user:password"
        )
    if code in _ADVICE:
        return unreachable(location, f"refuses to work: {_ADVICE[code]}")
    return BackendError(f"{where} refused a command: {_plain(str(error))}")


def _plain(text: str) -> str:
    """A driver's message on one line and no longer than people read."""
    return " ".join(text.split())[:300].rstrip(".")
