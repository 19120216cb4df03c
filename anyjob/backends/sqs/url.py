"""What an sqs:// URL says: which region and endpoint, as whom, and the few options there are.

sqs:// asks the usual configuration of AWS (environment, ~/.aws, the machine's role) for everything;
sqs://eu-central-1 names the region; sqs://KEY:SECRET@eu-central-1 brings credentials along.
sqs+fifo:// is the same for FIFO queues.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

import msgspec

from anyjob.core.errors import ConfigurationError
from anyjob.core.names import suggestion

_OPTIONS = ("endpoint", "profile", "session_token", "ca", "bucket", "bucket_endpoint")
#: "Bucket names can consist only of lowercase letters, numbers, periods (.), and hyphens (-)", of 3
#: to 63 characters (AWS, "General purpose bucket naming rules").
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_REGION = re.compile(r"[a-z]{2,}(-[a-z]+)+-[0-9]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


class Location(msgspec.Struct, frozen=True):
    """Where the queues are, and as whom to ask; None and "" leave it to AWS's configuration."""

    region: str = ""
    #: Whether the queues are FIFO queues.
    fifo: bool = False
    #: In place of the region's own, as http://localhost:4566.
    endpoint: str = ""
    key: str | None = None
    secret: str | None = None
    session_token: str | None = None
    #: A profile of ~/.aws/config.
    profile: str = ""
    #: A file in PEM: who signed the endpoint's certificate.
    ca: str = ""
    #: Where bodies are put that are too large for a message; "": they are refused.
    bucket: str = ""
    bucket_endpoint: str = ""

    def __repr__(self) -> str:
        return f"<Location {self.shown}>"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("at", self.shown)]

    @property
    def shown(self) -> str:
        """The service, without anything that is secret."""
        scheme = "sqs+fifo" if self.fifo else "sqs"
        return f"{scheme}://{self.region}" + (f" at {self.endpoint}" if self.endpoint else "")


def parse_url(url: str) -> Location:
    """Read a URL. Raises ConfigurationError, which shows no value of it: one may be a secret."""
    parts = _split(url)
    if parts.scheme not in ("sqs", "sqs+fifo"):
        raise ConfigurationError(f"expected a URL like sqs://eu-central-1, got {parts.scheme!r}")
    if parts.fragment or parts.path.strip("/"):
        raise ConfigurationError(
            "the sqs:// URL has a '#' or a '/' behind its region; write %23 or %2F if it belongs to"
            " the secret key, as in sqs://KEY:SECRET@eu-central-1"
        )
    options = _options_of(parts)
    region = parts.hostname or ""
    if region and not _REGION.fullmatch(region):
        raise ConfigurationError(
            "expected a region such as eu-central-1 in the place of the sqs:// URL's host, got"
            " something else; an endpoint of one's own is ?endpoint=http://localhost:4566"
        )
    key, secret = parts.username, parts.password
    if bool(key) != bool(secret):
        raise ConfigurationError(
            "the sqs:// URL needs both an access key and its secret, as in"
            " sqs://KEY:SECRET@eu-central-1, or neither"
        )
    if key and "profile" in options:
        raise ConfigurationError("the sqs:// URL has keys and a profile; leave one of them out")
    if "session_token" in options and not key:
        raise ConfigurationError("the sqs:// URL has a session_token and no keys it belongs to")
    return Location(
        region=region,
        fifo=parts.scheme == "sqs+fifo",
        endpoint=_endpoint_of(options, "endpoint"),
        key=unquote(key) if key else None,
        secret=unquote(secret) if secret else None,
        session_token=options.get("session_token"),
        profile=options.get("profile", ""),
        ca=options.get("ca", ""),
        bucket=_bucket_of(options),
        bucket_endpoint=_endpoint_of(options, "bucket_endpoint"),
    )


def _split(url: str) -> SplitResult:
    with suppress(ValueError):
        parts = urlsplit(url)
        if _CONTROL.search(url + unquote(parts.netloc) + unquote(parts.query)):
            raise ConfigurationError(
                "the sqs:// URL has a control character; nothing that it can name has one"
            )
        if parts.port is None:
            return parts
    raise ConfigurationError(
        "the sqs:// URL cannot be read: a region has no port, and a '/', '[' or ':' of the secret"
        " key is written as %2F, %5B or %3A"
    )


def _options_of(parts: SplitResult) -> dict[str, str]:
    options: dict[str, str] = {}
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if name not in _OPTIONS:
            raise ConfigurationError(f"no option {name!r} for sqs://{suggestion(name, _OPTIONS)}")
        if name in options:
            raise ConfigurationError(f"expected {name} once in an sqs:// URL, got it twice")
        if not value:
            raise ConfigurationError(f"expected {name} in the sqs:// URL to have a value, got none")
        options[name] = value
    return options


def _bucket_of(options: dict[str, str]) -> str:
    bucket = options.get("bucket", "")
    if "bucket_endpoint" in options and not bucket:
        raise ConfigurationError("the sqs:// URL has a bucket_endpoint and no bucket")
    if bucket and not _BUCKET.fullmatch(bucket):
        raise ConfigurationError(
            "expected bucket in the sqs:// URL to be the name of an S3 bucket: 3 to 63 lower-case"
            " letters, digits, '.' and '-'"
        )
    return bucket


def _endpoint_of(options: dict[str, str], name: str) -> str:
    endpoint = options.get(name, "")
    with suppress(ValueError):
        parts = urlsplit(endpoint)
        plain = not (parts.username or parts.password or parts.query or parts.fragment)
        if not endpoint or (
            parts.scheme in ("http", "https") and parts.hostname and parts.port != 0 and plain
        ):
            return endpoint.rstrip("/")
    raise ConfigurationError(
        f"expected {name} in the sqs:// URL to be like http://localhost:4566, without user and"
        " password, got something else"
    )
