"""What the broker and the driver say, told in errors of ours."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator

import pika.exceptions as said

from anyjob.backends.rabbitmq.url import Location
from anyjob.core.errors import (
    AnyjobError,
    BackendError,
    BackendFull,
    BackendUnavailable,
    ConfigurationError,
    PayloadTooLarge,
)

#: Replies of the broker (AMQP 0-9-1, 1.2 of the reference).
ACCESS_REFUSED, NOT_FOUND, PRECONDITION_FAILED, NOT_ALLOWED = 403, 404, 406, 530

#: What it says of a delivery that nobody settled in time, and of a message that it does not take.
_TOO_LONG = "timed out"
#: And of an acknowledgement of what it took back already.
_NO_SETTINGS = "unknown delivery tag"
_TOO_LARGE = re.compile(r"message size \d+ (?:B )?is larger than (?:configured )?max size (\d+)")


class Uncertain(BackendError):
    """Nobody knows whether what was asked was done, in whole or in part; it may be asked again."""

    retryable = True


def unconnected(location: Location, error: BaseException) -> AnyjobError:
    """The error of ours for a connection that was not made."""
    causes = list(_causes(error))
    # By what the broker says alone: pika takes every connection that is cut at a certain step for a
    # refusal.
    for cause in causes:
        if _says(cause, ACCESS_REFUSED):
            return ConfigurationError(
                f"{location.shown} refuses the user or the password; correct them in the URL"
            )
        if _says(cause, NOT_ALLOWED):
            return _no_vhost(location, cause)
        if isinstance(cause, ssl.SSLCertVerificationError):
            return ConfigurationError(
                f"{location.shown} shows a certificate that proves nothing:"
                f" {plain(cause.verify_message)}; name who signed it with ?ca=, and the host as the"
                " certificate does"
            )
    return BackendUnavailable(f"{location.shown} cannot be reached: {_why(location, causes)}")


def closed(location: Location, error: BaseException) -> AnyjobError:
    """The error of ours for a channel or connection that the broker closed, or that broke."""
    if isinstance(error, said.ChannelClosedByBroker | said.ConnectionClosedByBroker):
        code, text = error.reply_code, plain(error.reply_text)
        if code == ACCESS_REFUSED:
            return ConfigurationError(
                f"{location.shown} does not let this user do what is needed: {text}; give it the"
                " rights of docs/how-to/rabbitmq.md"
            )
        if code == NOT_FOUND:
            return BackendError(
                f"{location.shown} lacks what was asked for: {text}; declare the queue with"
                " declare(), or start a worker on it"
            )
        if code == PRECONDITION_FAILED and _TOO_LONG in text:
            return BackendUnavailable(
                f"{location.shown} took back what was not settled within its consumer_timeout:"
                f" {text}"
            )
        if code == PRECONDITION_FAILED and _NO_SETTINGS not in text:
            return ConfigurationError(
                f"{location.shown} holds a queue or exchange of this name with other settings:"
                f" {text}; remove it, or choose another namespace"
            )
        return BackendUnavailable(f"{location.shown} ended the connection: {code} {text}")
    return unreachable(location, f"was lost: {plain(str(error) or type(error).__name__)}")


def unreachable(location: Location, why: str) -> BackendUnavailable:
    return BackendUnavailable(f"{location.shown} {why}")


def full(location: Location) -> BackendFull:
    """The error for an alarm, in which the broker takes in nothing."""
    return BackendFull(
        f"{location.shown} takes in nothing: it has a memory or disk alarm, or a queue at its"
        " limit; running jobs still complete; make room, or let the workers catch up"
    )


def passing(error: AnyjobError) -> BackendUnavailable:
    """What stands in the way of somebody who worked already: whoever took a right away may give it
    back, so it is tried again.
    """
    return BackendUnavailable(str(error))


def too_large(location: Location, size: int) -> PayloadTooLarge:
    """The error for a job of so many bytes, more than the broker takes."""
    return PayloadTooLarge(
        f"{location.shown} takes no message of {size} bytes; send a reference, or raise its"
        " max_message_size"
    )


def is_forbidden(error: BaseException | None) -> bool:
    """Whether the broker closed a channel because this user has not got the right."""
    return isinstance(error, said.ChannelClosedByBroker) and error.reply_code == ACCESS_REFUSED


def is_missing(error: BaseException) -> bool:
    """Whether the broker closed a channel because what was named does not exist."""
    return isinstance(error, said.ChannelClosedByBroker) and error.reply_code == NOT_FOUND


def largest(error: BaseException) -> int | None:
    """How many bytes a message may have, if the broker closed a channel because one had more."""
    if not isinstance(error, said.ChannelClosedByBroker):
        return None
    found = _TOO_LARGE.search(error.reply_text)
    return int(found[1]) if found and error.reply_code == PRECONDITION_FAILED else None


def plain(text: str) -> str:
    """A driver's message on one line and no longer than people read."""
    return " ".join(str(text).split())[:300].rstrip(".")


def _says(cause: BaseException, code: int) -> bool:
    """Whether the broker closed the connection with this code; pika's guesses hold it as text."""
    if isinstance(cause, said.ConnectionClosed):
        return bool(cause.reply_code == code)
    guesses = (said.ProbableAuthenticationError, said.ProbableAccessDeniedError)
    return isinstance(cause, guesses) and f"({code})" in str(cause)


def _no_vhost(location: Location, cause: BaseException) -> ConfigurationError:
    return ConfigurationError(
        f"{location.shown} has no virtual host {location.vhost!r}, or this user may not use it"
        f" ({plain(str(cause))}); the URL's path is its name, as in amqp://host/NAME, and"
        " rabbitmqctl add_vhost and set_permissions make it"
    )


def _why(location: Location, causes: list[BaseException]) -> str:
    last = causes[-1] if causes else None
    text = plain(str(last) or type(last).__name__)
    if any(isinstance(each, ssl.SSLError) for each in causes):
        return f"{text}; if it speaks no TLS, write amqp://"
    if any(
        isinstance(each, said.IncompatibleProtocolError | said.StreamLostError) for each in causes
    ):
        return f"it ended the connection before it was open{_hint(location)}"
    # pika itself aborts an opening that takes too long.
    if any(isinstance(each, TimeoutError | said.ConnectionOpenAborted) for each in causes):
        return "it did not answer in time"
    return text


def _hint(location: Location) -> str:
    if not location.tls:
        return "; if it speaks TLS alone, write amqps://"
    # With TLS 1.3 a refused certificate is told after the client's part is over, and pika drops it.
    whose = "the one of ?cert=" if location.cert else "a client's, with ?cert= and ?key="
    return f"; it may want another certificate than it got: {whose}"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error, and those inside it as pika packs them."""
    yield error
    packed = (*getattr(error, "exceptions", ()), getattr(error, "exception", None), *error.args)
    for inner in packed:
        if isinstance(inner, BaseException):
            yield from _causes(inner)
