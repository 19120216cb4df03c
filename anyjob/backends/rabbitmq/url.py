"""What an amqp:// URL says: which brokers, as whom, and the few options there are.

amqp://user:password@host:5672/vhost, amqps:// for TLS, and several hosts of one cluster as
amqp://user:password@one:5672,two:5672/vhost.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

import msgspec

from anyjob.backends.bands import BANDS
from anyjob.core.errors import ConfigurationError
from anyjob.core.names import suggestion

_PORTS = {"amqp": 5672, "amqps": 5671}
_TLS_OPTIONS = ("ca", "cert", "key")
_OPTIONS = ("bands", "heartbeat", "consumer_timeout", *_TLS_OPTIONS)
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
HEARTBEAT = 10
#: Seconds that a broker lets a delivery go unsettled, unless it was told otherwise.
CONSUMER_TIMEOUT = 1800.0


class Location(msgspec.Struct, frozen=True):
    """Where the jobs are, and as whom to ask for them."""

    hosts: tuple[tuple[str, int], ...] = (("localhost", 5672),)
    vhost: str = "/"
    user: str = "guest"
    password: str = "guest"  # noqa: S105 - what every broker has at first, for the loopback alone
    tls: bool = False
    #: Files in PEM: who signed the broker's certificate (empty: the system's list), our own
    #: certificate and its key.
    ca: str = ""
    cert: str = ""
    key: str = ""
    #: How many lines the ten priorities make.
    bands: int = 3
    #: Seconds of silence that both sides allow, twice.
    heartbeat: int = HEARTBEAT
    #: Seconds after which the broker takes back what was delivered; None: it was told never to.
    consumer_timeout: float | None = CONSUMER_TIMEOUT

    def __repr__(self) -> str:
        return f"<Location {self.shown}>"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("at", self.shown)]

    @property
    def shown(self) -> str:
        """The brokers, without anything that is secret."""
        hosts = ",".join(f"{_shown(host)}:{port}" for host, port in self.hosts)
        return (
            f"{'amqps' if self.tls else 'amqp'}://{hosts}/{'' if self.vhost == '/' else self.vhost}"
        )


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def parse_url(url: str) -> Location:
    """Read a URL. Raises ConfigurationError, which shows no value of it: one may be a password."""
    scheme, _, rest = url.partition("://")
    if scheme not in _PORTS:
        raise ConfigurationError(
            f"expected a URL like amqp://user:password@localhost:5672/vhost, got {scheme!r}"
        )
    end = min((at for at in map(rest.find, "/?#") if at >= 0), default=len(rest))
    user_info, _, hosts = rest[:end].rpartition("@")
    parts = _split(
        f"{scheme}://{user_info}@host{rest[end:]}" if user_info else f"{scheme}://host{rest[end:]}"
    )
    if parts.fragment or "#" in rest:
        raise ConfigurationError(
            f"the {scheme}:// URL has a '#'; write %23 if it belongs to the password"
        )
    options = _options_of(parts)
    tls = scheme == "amqps"
    _check_tls(options, tls=tls)
    return Location(
        hosts=tuple(_host(scheme, each) for each in (hosts or "localhost").split(",")),
        vhost=_vhost(parts),
        user=unquote(parts.username) if parts.username else "guest",
        password=unquote(parts.password) if parts.password else "guest",
        tls=tls,
        ca=options.get("ca", ""),
        cert=options.get("cert", ""),
        key=options.get("key", ""),
        bands=_bands(options),
        heartbeat=_seconds(options, "heartbeat", HEARTBEAT, 1, 600),
        consumer_timeout=_consumer_timeout(options),
    )


def _split(url: str) -> SplitResult:
    with suppress(ValueError):
        parts = urlsplit(url)
        if _CONTROL.search(url + unquote(parts.path) + unquote(parts.query)):
            raise ConfigurationError(
                "the amqp:// URL has a control character; write %XX if it belongs to the password"
            )
        _ = parts.port
        return parts
    # Not from the error, which shows what stands where the port should: maybe of the password.
    raise ConfigurationError(
        "the amqp:// URL cannot be read: its port is no number from 0 to 65535, or a bracket or a"
        " character of the password is not written as %XX"
    )


def _host(scheme: str, text: str) -> tuple[str, int]:
    parts = _split(f"{scheme}://{text}")
    host = parts.hostname or ""
    with suppress(UnicodeError):
        host.encode("idna")
        if host:
            return host, parts.port or _PORTS[scheme]
    raise ConfigurationError(
        f"the {scheme}:// URL names no host; write {scheme}://host:{_PORTS[scheme]}, and a comma"
        " between several"
    )


def _vhost(parts: SplitResult) -> str:
    # As RabbitMQ's URI specification has it: no path is the usual one, and %2F is its name.
    name = unquote(parts.path.removeprefix("/"))
    if "/" in parts.path.removeprefix("/"):
        raise ConfigurationError(
            f"the {parts.scheme}:// URL's path is the name of a virtual host; write its '/' as %2F"
        )
    return name or "/"


def _options_of(parts: SplitResult) -> dict[str, str]:
    options: dict[str, str] = {}
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if name not in _OPTIONS and "@" in parts.query:
            raise ConfigurationError(
                f"the {parts.scheme}:// URL has a '?' before its '@'; write %3F if it belongs to"
                " the password"
            )
        if name not in _OPTIONS:
            raise ConfigurationError(
                f"no option {name!r} for {parts.scheme}://{suggestion(name, _OPTIONS)}"
            )
        if name in options:
            raise ConfigurationError(
                f"expected {name} once in a {parts.scheme}:// URL, got it twice"
            )
        options[name] = value
    return options


def _bands(options: dict[str, str]) -> int:
    text = options.get("bands", "3")
    if text not in map(str, BANDS):
        raise ConfigurationError(
            "expected bands in the amqp:// URL to be 1, 3 or 10, got something else"
        )
    return int(text)


def _seconds(options: dict[str, str], name: str, usual: int, least: int, most: int) -> int:
    text = options.get(name, str(usual))
    if not (text.isdecimal() and text.isascii() and len(text) < 10 and least <= int(text) <= most):
        raise ConfigurationError(
            f"expected {name} in the amqp:// URL to be {least} to {most} whole seconds, got"
            " something else"
        )
    return int(text)


def _consumer_timeout(options: dict[str, str]) -> float | None:
    if options.get("consumer_timeout") == "none":
        return None
    return float(_seconds(options, "consumer_timeout", int(CONSUMER_TIMEOUT), 1, 10**8))


def _check_tls(options: dict[str, str], *, tls: bool) -> None:
    given = [name for name in _TLS_OPTIONS if name in options]
    if given and not tls:
        raise ConfigurationError(
            f"the amqp:// URL has {given[0]!r}, which TLS alone needs; write amqps://"
        )
    if ("cert" in options) != ("key" in options):
        raise ConfigurationError(
            "the amqps:// URL needs both cert and key for a client's certificate, or neither"
        )
