"""Known failures: `conformance.toml`, strict and with a date."""

from __future__ import annotations

import datetime
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from anyjob.conformance.manifest import backend_properties, store_properties
from anyjob.core.errors import AnyjobError
from anyjob.core.names import suggestion

NAME = "conformance.toml"


class WrongUse(AnyjobError):
    """Raised before anything runs, when what was asked of the suite cannot be done."""


class KnownFailure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A property that is known to be broken, until a date."""

    id: str
    reason: str
    issue: str
    #: The last day on which it may still fail.
    expires: datetime.date
    #: The harness it is about; None: each that meets the file.
    harness: str | None = None

    def is_about(self, harness: str) -> bool:
        """Whether it concerns the suite of this harness."""
        return self.harness in (None, harness)


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    known: list[KnownFailure] = []


def read_known(folder: Path, *, today: datetime.date | None = None) -> tuple[KnownFailure, ...]:
    """Read the file of a folder; without one nothing is known to fail.

    Raises WrongUse for what is misspelt, says nothing, is listed twice, or is past its date.
    """
    path = folder / NAME
    if not path.exists():
        return ()
    try:
        known = msgspec.convert(tomllib.loads(path.read_text("utf-8")), _File).known
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise WrongUse(
            f"{path} cannot be read: {error}; write [[known]] with id, reason, issue and expires"
        ) from error
    for each in known:
        _check(each, path, today or datetime.datetime.now(datetime.UTC).date())
    _check_once(known, path)
    return tuple(known)


def _check(each: KnownFailure, path: Path, today: datetime.date) -> None:
    ids = [*backend_properties(), *store_properties()]
    if each.id not in ids:
        raise WrongUse(f"{path} lists {each.id!r}, which is no property{suggestion(each.id, ids)}")
    for field in ("reason", "issue"):
        if not getattr(each, field).strip():
            raise WrongUse(f"{path} lists {each.id} with an empty {field}; write one")
    if each.expires < today:
        raise WrongUse(
            f"{path} lists {each.id} as a known failure until {each.expires}, which is past;"
            " mend it, or give its issue a new date"
        )


def _check_once(known: Sequence[KnownFailure], path: Path) -> None:
    seen: set[tuple[str, str | None]] = set()
    for each in known:
        if (each.id, each.harness) in seen:
            raise WrongUse(f"{path} lists {each.id} twice; leave one")
        seen.add((each.id, each.harness))


def known_for(known: Iterable[KnownFailure], property_id: str, harness: str) -> KnownFailure | None:
    """Return the entry about a property of the suite of this harness."""
    return next((each for each in known if each.id == property_id and each.is_about(harness)), None)
