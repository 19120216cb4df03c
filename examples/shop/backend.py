"""Which backend the shop runs on: a URL, or a bare name of one that the demo can start."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

from examples.shop.server import Server
from examples.shop.servers import STARTED


class UnknownBackend(ValueError):
    """Raised for what is neither a URL nor the name of a backend that the demo can start."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A backend to run on."""

    name: str
    #: Where it is; that of a server which the demo starts is known once it runs.
    url: str
    #: Whether worker processes can share it; else the worker lives in the demo itself.
    processes: bool
    #: What the demo starts for it, if anything.
    server: type[Server] | None = None

    @property
    def is_killed(self) -> bool:
        """Whether the demo kills its server in the middle of the day."""
        return self.server is not None and self.server.survives


def choose(given: str, out: Path) -> Chosen:
    """Read what stands after `--backend`; files it needs go to `out`. Raises UnknownBackend."""
    if "://" in given:
        scheme = urlsplit(given).scheme
        return Chosen(scheme, given, processes=scheme != "memory")
    if given in STARTED:
        return Chosen(given, "", processes=True, server=STARTED[given])
    embedded = {
        "sqlite": Chosen("sqlite", f"sqlite:///{quote(str(out / 'jobs.db'))}", processes=True),
        "memory": Chosen("memory", "memory://", processes=False),
    }
    if given not in embedded:
        names = ", ".join(sorted([*embedded, *STARTED]))
        raise UnknownBackend(
            f"backend {given!r} is neither a URL nor one that the demo can start;"
            f" give a URL such as 'sqlite:////tmp/jobs.db', or one of {names}"
        )
    return embedded[given]
