"""The properties of contract 1.0: id, statement, how each is shown, and which still wait for a
later layer of the suite.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Literal

import msgspec

#: The version of the contract that these are the properties of.
CONTRACT = "1.0"

#: What an example would need that there is not yet.
Layer = Literal["release", "contract"]


class Property(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line of the contract that a backend or store keeps or breaks."""

    statement: str
    #: Letters, explained at the head of each `properties.toml`.
    how: str
    #: What a declared level may relax; None: nobody may.
    weaker: str | None = None
    #: None: a directed example is here.
    waits_for: Layer | None = None


@cache
def backend_properties() -> Mapping[str, Property]:
    """The properties of a backend by id, in the order of the contract."""
    return _read("anyjob.conformance.backend")


@cache
def store_properties() -> Mapping[str, Property]:
    """The properties of a store by id, in the order of the contract."""
    return _read("anyjob.conformance.store")


def properties_of(part: Literal["backend", "store"]) -> Mapping[str, Property]:
    """The properties of a backend or of a store."""
    return backend_properties() if part == "backend" else store_properties()


def property_of(property_id: str) -> Property:
    """Return the property of that id; raises KeyError."""
    return {**backend_properties(), **store_properties()}[property_id]


def _read(package: str) -> Mapping[str, Property]:
    text = files(package).joinpath("properties.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text), dict[str, Property])
