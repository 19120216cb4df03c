"""What a backend declares absent is refused by name, for backends that declare some of it so."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from anyjob.core.capabilities import Capabilities
from anyjob.core.envelope import Envelope
from anyjob.core.errors import InvalidOption, UnsupportedCapability, shown
from anyjob.core.seam import check_envelopes, check_seconds, check_settlements
from anyjob.core.settlement import Bury, Settlement

#: Of any version; what else it says is nobody's business here, but no path and no key hides in it.
_ID = re.compile("[0-9A-Fa-f-]{36}")


def check_jobs(
    jobs: Sequence[Envelope], capabilities: Capabilities, *, now: float, transaction: Any = None
) -> None:
    """Raise unless these jobs may be stored: UnsupportedCapability for what is declared absent, and
    what `check_envelopes` raises, and InvalidOption for an id that is no UUID.

    `now` is the wall time of the backend's clock.
    """
    if transaction is not None and not capabilities.transaction:
        raise _refusal(capabilities, "transaction")
    check_envelopes(
        jobs,
        max_batch=capabilities.max_batch,
        max_payload=capabilities.max_payload,
        known_queues=(),
    )
    for job in jobs:
        if not isinstance(job.id, str) or not _ID.fullmatch(job.id):
            raise InvalidOption(f"expected a job's id to be a UUID in text, got {shown(job.id)}")
        if job.unique is not None and capabilities.unique == "none":
            raise _refusal(capabilities, "unique")
        if job.due is not None:
            due = job.due
            _check_delay(due.timestamp() - now if isinstance(due, datetime) else due, capabilities)


def check_ends(
    settlements: Sequence[Settlement], capabilities: Capabilities, *, now: float
) -> None:
    """Raise unless these settlements may be buffered: UnsupportedCapability for what is declared
    absent, and what `check_settlements` raises.
    """
    check_settlements(
        settlements, max_batch=capabilities.max_batch, max_payload=capabilities.max_payload
    )
    for settlement in settlements:
        if settlement.outcome is not None and capabilities.results == "none":
            raise _refusal(capabilities, "results")
        if isinstance(settlement, Bury) and capabilities.dead == "none":
            raise _refusal(capabilities, "dead")
        if delay := getattr(settlement, "delay", 0.0):
            _check_delay(delay, capabilities)
        if settlement.then:
            check_jobs(settlement.then, capabilities, now=now)


def check_lease(seconds: float, capabilities: Capabilities) -> None:
    """Raise InvalidOption, or UnsupportedCapability past the maximum, unless a lease may last so
    long.
    """
    check_seconds(seconds, "a lease", zero=False)
    if capabilities.max_lease is not None and seconds > capabilities.max_lease:
        raise _too_long(capabilities, "max_lease", "a lease", seconds)


def refusing(capability: str) -> Callable[..., Any]:
    """Return a method of a backend that has not got this capability: it refuses by that name."""

    def refuse(self: Any, *_: Any, **__: Any) -> Any:
        raise _refusal(self.capabilities, capability)

    return refuse


def _check_delay(seconds: float, capabilities: Capabilities) -> None:
    if capabilities.delay == "none":
        raise _refusal(capabilities, "delay")
    if capabilities.max_delay is not None and seconds > capabilities.max_delay:
        raise _too_long(capabilities, "max_delay", "a delay", seconds)


def _too_long(
    capabilities: Capabilities, name: str, what: str, seconds: float
) -> UnsupportedCapability:
    most = getattr(capabilities, name)
    return UnsupportedCapability(
        name,
        f"expected {what} of at most {most:g} s, the longest of {capabilities.product}, got"
        f" {seconds:g} s",
    )


def _refusal(capabilities: Capabilities, name: str) -> UnsupportedCapability:
    return UnsupportedCapability(
        name, f"{capabilities.product} cannot do what was asked: {name!r} is declared absent"
    )
