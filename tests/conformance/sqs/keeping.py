"""Whose time a server keeps: that of the innermost site that stands on it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from anyjob.conformance import Site
from anyjob.conformance.clock import FakeClock
from tests.conformance.sqs.moved import MovedClock


@dataclass
class _Kept:
    """The sites on one server, the innermost last: a probe and a crash stand within another site.

    By name: the suite's clock, and how far its wall time was ahead of its monotonic one at first.
    """

    clock: MovedClock
    sites: dict[str, tuple[FakeClock, float] | None] = field(default_factory=dict)

    def show(self) -> None:
        innermost = self.sites[next(reversed(self.sites))] if self.sites else None
        if innermost is None:
            self.clock.run()
        else:
            clock, ahead = innermost
            self.clock.stand(clock.monotonic() + ahead)


_kept: dict[Path, _Kept] = {}


def keep_time(site: Site) -> None:
    """Let the site's server stand at the time of the site's clock and follow it, or let it run.

    A jump of the suite's wall clock is one of the caller's machine: the service's does not jump.
    """
    folder, clock = site.server_folder, site.clock
    assert folder is not None
    kept = _kept.setdefault(folder, _Kept(MovedClock(folder)))
    if site.name in kept.sites:
        return
    kept.sites[site.name] = None if clock is None else (clock, clock.time() - clock.monotonic())
    if clock is not None:
        clock.followers.append(partial(_follow, kept, site.name))
    kept.show()


def forget_time(site: Site) -> None:
    """Let its server show the time of the site around it."""
    assert site.server_folder is not None
    kept = _kept.get(site.server_folder)
    if kept is not None and site.name in kept.sites:
        del kept.sites[site.name]
        kept.show()


def _follow(kept: _Kept, name: str) -> None:
    if kept.sites and next(reversed(kept.sites)) == name:
        kept.show()
