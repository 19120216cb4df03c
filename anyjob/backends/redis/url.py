"""What a redis:// URL says: which server, as whom, and the few options there are.

redis://user:password@host:6379/0, rediss:// for TLS, unix:///path/to/socket?db=0,
redis+sentinel://user:password@one:26379,two:26379/NAME/0 for the primary that sentinels know by a
name, redis+cluster://user:password@one:6379,two:6379 for a Cluster that these are nodes of.
"""

from __future__ import annotations

import math
import re
from contextlib import suppress
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

import msgspec

from anyjob.core.errors import ConfigurationError
from anyjob.core.names import suggestion

_SCHEMES = (
    "redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel", "redis+cluster",
    "rediss+cluster",
)  # fmt: skip
_TLS_OPTIONS = ("ca", "cert", "key")
_SENTINEL_OPTIONS = ("sentinel_user", "sentinel_password")
_OPTIONS = (
    "db", "dedup_window", "allow_eviction", "fsync", "wait_replicas", *_SENTINEL_OPTIONS,
    *_TLS_OPTIONS,
)  # fmt: skip
_POLICIES = (
    "allkeys-lru", "allkeys-lfu", "allkeys-random", "allkeys-lrm", "volatile-lru", "volatile-lfu",
    "volatile-lrm", "volatile-random", "volatile-ttl",
)  # fmt: skip
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
#: What sentinels take for a name; with anything else it may be the rest of a password with a '/'.
_PRIMARY = re.compile(r"[A-Za-z0-9._-]+")
_PORT = 6379
#: Where a URL may name several hosts: their usual port, what they are, and how they are written.
_SEVERAL = {
    "sentinel": (26379, "sentinel", "host:26379,host:26379/NAME/0"),
    "cluster": (_PORT, "node", "host:6379,host:6379"),
}
DEDUP_WINDOW = 60.0
_UNREADABLE = (
    "the redis:// URL cannot be read: its port is no number from 0 to 65535, or a bracket or a"
    " character of the password is not written as %XX"
)


class Location(msgspec.Struct, frozen=True):
    """Where the jobs are, and as whom to ask for them."""

    host: str = "localhost"
    port: int = _PORT
    #: The socket's path, in place of host and port.
    path: str = ""
    #: In place of host and port: those of sentinels, which know the primary by its name.
    sentinels: tuple[tuple[str, int], ...] = ()
    primary: str = ""
    sentinel_user: str | None = None
    sentinel_password: str | None = None
    #: In place of host and port: some nodes of a Cluster, which know all the others.
    nodes: tuple[tuple[str, int], ...] = ()
    #: Whether this is one node of such a Cluster.
    is_node: bool = False
    db: int = 0
    user: str | None = None
    password: str | None = None
    tls: bool = False
    #: Files in PEM: who signed the server's certificate (empty: the system's list), our own
    #: certificate and its key.
    ca: str = ""
    cert: str = ""
    key: str = ""
    #: Seconds for which the id of a finished job is remembered; 0: not at all.
    dedup_window: float = DEDUP_WINDOW
    #: The one policy besides noeviction that the server may have.
    allow_eviction: str = ""
    #: Whether the operator says that the server has `appendfsync always`, which no server tells to
    #: those who have no right to CONFIG.
    fsync: bool = False
    #: How many replicas must have an enqueued job before it counts as accepted.
    wait_replicas: int = 0

    def __repr__(self) -> str:
        return f"<Location {self.shown}>"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("at", self.shown)]

    @property
    def shown(self) -> str:
        """The server, without anything that is secret."""
        if self.path:
            return f"unix://{self.path}?db={self.db}"
        scheme = "rediss" if self.tls else "redis"
        hosts = ",".join(f"{_shown(host)}:{port}" for host, port in self.sentinels or self.nodes)
        if self.sentinels:
            return f"{scheme}+sentinel://{hosts}/{self.primary}/{self.db}"
        if self.nodes:
            return f"{scheme}+cluster://{hosts}"
        return f"{scheme}://{_shown(self.host)}:{self.port}/{self.db}"


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def parse_url(url: str) -> Location:
    """Read a URL. Raises ConfigurationError, which shows no value of it: one may be a password."""
    url, hosts = _hosts_of(url)
    parts, port = _split(url)
    if parts.scheme not in _SCHEMES:
        raise ConfigurationError(
            f"expected a URL like redis://localhost:6379/0, got {parts.scheme!r}"
        )
    if parts.fragment:
        raise ConfigurationError(
            f"the {parts.scheme}:// URL has a '#'; write %23 if it belongs to the password"
        )
    options = _options_of(parts)
    is_socket = parts.scheme == "unix"
    if is_socket and (parts.hostname or not parts.path.strip("/")):
        raise ConfigurationError(
            "the unix:// URL names no socket; write unix:///run/redis/redis.sock, three slashes"
        )
    tls = parts.scheme.startswith("rediss")
    primary, db = _path_of(parts, options)
    is_cluster = parts.scheme.endswith("+cluster")
    if is_cluster and db:
        raise ConfigurationError(
            f"the {parts.scheme}:// URL names database {db}, and a Cluster has none but 0; leave it"
            " out"
        )
    _check_tls(options, tls=tls)
    host = parts.hostname or "localhost"
    _check_host(host)
    return Location(
        host=host,
        port=_PORT if port is None else port,
        path=unquote(parts.path) if is_socket else "",
        sentinels=() if is_cluster else hosts,
        primary=primary,
        sentinel_user=options.get("sentinel_user"),
        sentinel_password=options.get("sentinel_password"),
        nodes=hosts if is_cluster else (),
        db=db,
        user=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        tls=tls,
        ca=options.get("ca", ""),
        cert=options.get("cert", ""),
        key=options.get("key", ""),
        dedup_window=_window_of(options),
        allow_eviction=_choice(options, "allow_eviction", _POLICIES),
        fsync=bool(_choice(options, "fsync", ("always",))),
        wait_replicas=_replicas_of(options),
    )


def _split(url: str) -> tuple[SplitResult, int | None]:
    """The parts of a URL, and its port."""
    with suppress(ValueError):
        parts = urlsplit(url)
        # Those that urlsplit leaves out silently, and those of files; a password may have any.
        if _CONTROL.search(url + unquote(parts.path) + unquote(parts.query)):
            raise ConfigurationError(
                "the redis:// URL has a control character; write %XX if it belongs to the password"
            )
        return parts, parts.port
    # Not from the error, which shows what stands where the port should: maybe of the password.
    raise ConfigurationError(_UNREADABLE)


def _check_host(host: str) -> None:
    with suppress(UnicodeError):
        host.encode("idna")
        return
    raise ConfigurationError(
        "the redis:// URL names no host: the parts of a name have 1 to 63 characters"
    )


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


def _hosts_of(url: str) -> tuple[str, tuple[tuple[str, int], ...]]:
    """The URL with the first of its hosts, as the library reads one only; and all of them, where
    there may be several: sentinels, or nodes of a Cluster.
    """
    scheme, separator, rest = url.partition("://")
    kind = scheme.partition("+")[2]
    if kind not in _SEVERAL:
        return url, ()
    usual, name, example = _SEVERAL[kind]
    end = min((at for at in map(rest.find, "/?#") if at >= 0), default=len(rest))
    user_info, at, hosts = rest[:end].rpartition("@")
    found = []
    for each in hosts.split(","):
        parts, port = _split(f"redis://{each}")
        found.append((parts.hostname or "", port or usual))
    if not all(host for host, _ in found):
        raise ConfigurationError(f"the {scheme}:// URL names no {name}; write {scheme}://{example}")
    first = hosts.partition(",")[0]
    return f"{scheme}{separator}{user_info}{at}{first}{rest[end:]}", tuple(found)


def _path_of(parts: SplitResult, options: dict[str, str]) -> tuple[str, int]:
    """The name of the primary, where sentinels are asked, and the number of the database."""
    path = "" if parts.scheme == "unix" else parts.path.strip("/")
    primary = ""
    if parts.scheme.endswith("+sentinel"):
        primary, _, path = path.partition("/")
        if not _PRIMARY.fullmatch(primary):
            raise ConfigurationError(
                f"the {parts.scheme}:// URL does not say which primary; write its name, as the"
                " sentinels know it, behind the hosts"
            )
    elif given := [name for name in _SENTINEL_OPTIONS if name in options]:
        raise ConfigurationError(
            f"the {parts.scheme}:// URL has {given[0]!r} and no sentinels; write redis+sentinel://"
        )
    if path and "db" in options:
        raise ConfigurationError(f"the {parts.scheme}:// URL has two databases; leave ?db= out")
    text = path or options.get("db") or "0"
    if not text.isdecimal() or not text.isascii() or len(text) > 6:
        raise ConfigurationError(
            f"expected the database in the {parts.scheme}:// URL to be a number, as in"
            " redis://localhost/0, got something else"
        )
    return primary, int(text)


def _replicas_of(options: dict[str, str]) -> int:
    text = options.get("wait_replicas", "0")
    if not text.isdecimal() or not text.isascii() or len(text) > 2:
        raise ConfigurationError(
            "expected wait_replicas in the redis:// URL to be a number from 0 to 99, got something"
            " else"
        )
    return int(text)


def _window_of(options: dict[str, str]) -> float:
    text = options.get("dedup_window")
    if text is None:
        return DEDUP_WINDOW
    try:
        window = float(text)
    except ValueError:
        window = math.nan
    if not (window == 0 or 1 <= window <= 86400):
        raise ConfigurationError(
            "expected dedup_window in the redis:// URL to be 0 or from 1 to 86400 seconds, got"
            " something else"
        )
    return window


def _choice(options: dict[str, str], name: str, choices: tuple[str, ...]) -> str:
    value = options.get(name, "")
    if name in options and value not in choices:
        raise ConfigurationError(
            f"expected {name} in the redis:// URL to be {' or '.join(choices)}, got something else"
        )
    return value


def _check_tls(options: dict[str, str], *, tls: bool) -> None:
    given = [name for name in _TLS_OPTIONS if name in options]
    if given and not tls:
        raise ConfigurationError(
            f"the redis:// URL has {given[0]!r}, which TLS alone needs; write rediss://"
        )
    if ("cert" in options) != ("key" in options):
        raise ConfigurationError(
            "the rediss:// URL needs both cert and key for a client's certificate, or neither"
        )
