"""Which backend the shop runs on: a URL, or a bare name of one that the demo can start."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit


class UnknownBackend(ValueError):
    """Raised for what is neither a URL nor the name of a backend that the demo can start."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A backend to run on."""

    name: str
    url: str
    #: Whether worker processes can share it; else the worker lives in the demo itself.
    processes: bool
    #: Whether the demo starts the server, and stops it in the middle of the day.
    is_started: bool = False


def choose(given: str, out: Path) -> Chosen:
    """Read what stands after `--backend`; files it needs go to `out`. Raises UnknownBackend."""
    if "://" in given:
        scheme = urlsplit(given).scheme
        return Chosen(scheme, given, processes=scheme != "memory")
    started = {
        "sqlite": Chosen("sqlite", f"sqlite:///{quote(str(out / 'jobs.db'))}", processes=True),
        "memory": Chosen("memory", "memory://", processes=False),
        "redis": Chosen("redis", "redis://127.0.0.1", processes=True, is_started=True),
    }
    if given not in started:
        raise UnknownBackend(
            f"backend {given!r} is neither a URL nor one that the demo can start;"
            f" give a URL such as 'sqlite:////tmp/jobs.db', or one of {', '.join(sorted(started))}"
        )
    return started[given]
