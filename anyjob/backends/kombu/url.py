"""What a kombu+TRANSPORT:// URL says: kombu's own URL behind the '+', and the options of ours."""

from __future__ import annotations

import re
from typing import Any, Literal, cast
from urllib.parse import parse_qsl, urlsplit

import msgspec

from anyjob.backends.bands import BANDS
from anyjob.core.errors import ConfigurationError
from anyjob.core.names import suggestion

Delivery = Literal["at_least_once", "at_most_once"]
DELIVERIES = ("at_least_once", "at_most_once")
_TLS_OPTIONS = ("ca", "cert", "key")
_TLS_TRANSPORTS = ("amqps", "rediss")
_AMQP_TRANSPORTS = ("amqp", "amqps", "pyamqp")
_OPTIONS = ("bands", "consumer_timeout", "delivery", *_TLS_OPTIONS)
#: Seconds that RabbitMQ lets a delivery go unsettled, unless it was told otherwise.
CONSUMER_TIMEOUT = 1800.0
_SCHEME = re.compile(r"kombu\+([A-Za-z][A-Za-z0-9-]*)")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


class Location(msgspec.Struct, frozen=True):
    """Where the messages are, by which transport of kombu, and what is asked of it."""

    transport: str
    #: As kombu reads it.
    url: str
    #: Without user, password and options, to be shown.
    shown: str
    #: None: nothing was said, and what a transport keeps is kept.
    delivery: Delivery | None = None
    #: How many queues the ten priorities make.
    bands: int = 3
    #: Seconds after which RabbitMQ takes back what was delivered, asked for or not; None: it was
    #: told never to, or is another broker.
    consumer_timeout: float | None = None
    #: Files in PEM: who signed the broker's certificate (empty: the system's list), our own
    #: certificate and its key.
    ca: str = ""
    cert: str = ""
    key: str = ""

    def __repr__(self) -> str:
        return f"<Location {self.shown}>"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("at", self.shown)]


def parse_url(url: str) -> Location:
    """Read a URL. Raises ConfigurationError, which shows no value of it: one may be a password."""
    scheme, _, rest = url.partition("://")
    found = _SCHEME.fullmatch(scheme)
    if found is None:
        raise ConfigurationError(
            "expected a URL like kombu+redis://localhost:6379/0, with the name of one of kombu's"
            f" transports behind the '+', got {scheme!r}"
        )
    if _CONTROL.search(rest):
        raise ConfigurationError(
            f"the {scheme}:// URL has a control character; write %XX if it belongs to the password"
        )
    if "#" in rest:
        raise ConfigurationError(
            f"the {scheme}:// URL has a '#'; write %23 if it belongs to the password"
        )
    plain, _, query = rest.partition("?")
    if "@" in query:
        raise ConfigurationError(
            f"the {scheme}:// URL has a '?' before its '@'; write %3F if it belongs to the password"
        )
    options = _options_of(scheme, query)
    transport = found[1]
    _check_tls(scheme, transport, options)
    return Location(
        transport=transport,
        url=f"{transport}://{plain}",
        shown=f"{scheme}://{_shown(plain)}",
        delivery=checked_delivery(options.get("delivery")),
        bands=_bands(scheme, options.get("bands", "3")),
        consumer_timeout=_consumer_timeout(scheme, transport, options),
        ca=options.get("ca", ""),
        cert=options.get("cert", ""),
        key=options.get("key", ""),
    )


def checked_delivery(value: str | None) -> Delivery | None:
    """Raise ConfigurationError unless this says how often a job is delivered."""
    if value is None or value in DELIVERIES:
        return cast("Delivery | None", value)
    raise ConfigurationError(
        "expected delivery to be 'at_least_once' or 'at_most_once', got something else"
    )


def _options_of(scheme: str, query: str) -> dict[str, str]:
    options: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name not in _OPTIONS:
            raise ConfigurationError(
                f"no option {name!r} for {scheme}://{suggestion(name, _OPTIONS)}"
            )
        if name in options:
            raise ConfigurationError(f"expected {name} once in a {scheme}:// URL, got it twice")
        options[name] = value
    return options


def _check_tls(scheme: str, transport: str, options: dict[str, str]) -> None:
    given = [name for name in _TLS_OPTIONS if name in options]
    if given and transport not in _TLS_TRANSPORTS:
        raise ConfigurationError(
            f"the {scheme}:// URL has {given[0]!r}, which is for kombu+amqps:// and"
            " kombu+rediss:// alone"
        )
    if ("cert" in options) != ("key" in options):
        raise ConfigurationError(
            f"the {scheme}:// URL needs both cert and key for a client's certificate, or neither"
        )


def _bands(scheme: str, text: str) -> int:
    if text not in map(str, BANDS):
        raise ConfigurationError(
            f"expected bands in the {scheme}:// URL to be 1, 3 or 10, got something else"
        )
    return int(text)


def _consumer_timeout(scheme: str, transport: str, options: dict[str, str]) -> float | None:
    text = options.get("consumer_timeout")
    if transport not in _AMQP_TRANSPORTS:
        if text is not None:
            raise ConfigurationError(
                f"the {scheme}:// URL has 'consumer_timeout', which RabbitMQ alone has"
            )
        return None
    if text is None or text == "none":
        return CONSUMER_TIMEOUT if text is None else None
    if not (text.isdecimal() and text.isascii() and 0 < len(text) < 9 and int(text)):
        raise ConfigurationError(
            f"expected consumer_timeout in the {scheme}:// URL to be whole seconds or 'none', got"
            " something else"
        )
    return float(text)


def _shown(rest: str) -> str:
    """Hosts and path; several URLs stand one behind the other with ';' between them."""
    parts = []
    for each in rest.split(";"):
        head, separator, plain = each.partition("://")
        # A password may have an '@' of its own that was not written as %40.
        parts.append(f"{head}{separator}{plain.rpartition('@')[2]}" if separator
                     else each.rpartition("@")[2])  # fmt: skip
    return ";".join(parts)


def folder_of(location: Location) -> str:
    """The folder that a kombu+filesystem:// URL names."""
    parts = urlsplit(location.url)
    if parts.netloc or not parts.path.strip("/"):
        raise ConfigurationError(
            "a kombu+filesystem:// URL names a folder, as kombu+filesystem:///var/lib/jobs"
        )
    return parts.path
