"""Things that many processes do to one backend or store at once."""

from __future__ import annotations

from anyjob.conformance.history.part import Part


def race(part: Part) -> None:
    """Open, wait for the others, and do one thing; leaves what came of it in a file."""
    raise NotImplementedError(part.name)
