"""What a sqlite:// URL says: where the file is, and the few options there are.

The parser is our own and its options are listed here, so that no URL reaches SQLite's own
parameters (`mode`, `vfs`, `immutable` ...).
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

from anyjob.core.errors import ConfigurationError
from anyjob.core.names import suggestion

_CHOICES: dict[str, tuple[str, ...]] = {
    "synchronous": ("full", "normal"),
    "allow_symlink": ("true", "false"),
    "allow_network": ("true", "false"),
    "adopt": ("true", "false"),
}


class Location(msgspec.Struct, frozen=True):
    """Where the jobs are, and how they are kept there."""

    path: Path
    #: "full": a commit survives a power cut. "normal": it survives the process alone.
    synchronous: str = "full"
    #: Follow a symbolic link to the file.
    allow_symlink: bool = False
    #: Use a network file system, whose locks SQLite cannot trust.
    allow_network: bool = False
    #: Keep the jobs beside the tables of another application.
    adopt: bool = False

    def beside(self, suffix: str) -> Path:
        """The file that accompanies the database under its name and `suffix`."""
        return self.path.with_name(self.path.name + suffix)


def parse_url(url: str) -> Location:
    """Read `sqlite:///relative.db` or `sqlite:////absolute/path.db`, with options after `?`.

    A relative path is taken from the present working directory, now. Raises ConfigurationError,
    which shows no value of the URL: one of them may be a password.
    """
    parts = urlsplit(url)
    if parts.scheme != "sqlite" or not url.startswith("sqlite://"):
        raise ConfigurationError(f"expected a URL like sqlite:///jobs.db, got {parts.scheme!r}")
    if parts.netloc:
        raise ConfigurationError(
            "the sqlite:// URL names a host, and SQLite has none; write sqlite:///jobs.db for a"
            " file in the working directory, sqlite:////srv/jobs.db for an absolute path"
        )
    if parts.fragment:
        raise ConfigurationError(
            "the sqlite:// URL has a '#'; write %23 if it belongs to the file's name"
        )
    options = _options_of(parts.query)
    return Location(
        path=_path_of(unquote(parts.path)),
        synchronous=options.get("synchronous", "full"),
        allow_symlink=options.get("allow_symlink") == "true",
        allow_network=options.get("allow_network") == "true",
        adopt=options.get("adopt") == "true",
    )


def _path_of(path: str) -> Path:
    name = path.removeprefix("/")
    if not name or name.endswith("/") or ":memory:" in name:
        raise ConfigurationError(
            "the sqlite:// URL names no file, and jobs that live in the program alone belong to"
            " another backend; write sqlite:///jobs.db, or memory://"
        )
    if any(ord(character) < 32 for character in name):
        raise ConfigurationError(
            "the path of the sqlite:// URL has a control character; leave it out"
        )
    return Path.cwd() / name


def _options_of(query: str) -> dict[str, str]:
    options: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name not in _CHOICES:
            raise ConfigurationError(
                f"no option {name!r} for sqlite://{suggestion(name, _CHOICES)}"
            )
        if name in options:
            raise ConfigurationError(f"expected {name} once in a sqlite:// URL, got it twice")
        if value not in _CHOICES[name]:
            choices = " or ".join(_CHOICES[name])
            raise ConfigurationError(
                f"expected {name} in the sqlite:// URL to be {choices}, got something else"
            )
        options[name] = value
    return options
