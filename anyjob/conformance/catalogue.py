"""Every test of the suite, by what it is a test of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Literal

from anyjob.conformance.backend import BACKEND_GROUPS
from anyjob.conformance.engine.making import MakesBackends, MakesStores
from anyjob.conformance.example import Example, example_of
from anyjob.conformance.history.backend import BackendHistories
from anyjob.conformance.history.outage import OutageHistories
from anyjob.conformance.machines import BackendMachines, StoreMachines
from anyjob.conformance.store import STORE_GROUPS

#: What a suite on a backend or a store is made of, in the order in which it runs.
BACKEND_TESTS: tuple[type, ...] = (
    MakesBackends,
    *BACKEND_GROUPS,
    BackendMachines,
    BackendHistories,
    OutageHistories,
)
STORE_TESTS: tuple[type, ...] = (MakesStores, *STORE_GROUPS, StoreMachines)


def every_test(part: Literal["backend", "store"]) -> Iterator[tuple[type, str, Example]]:
    """Every test: its class, its name, and what it says of itself."""
    for group in BACKEND_TESTS if part == "backend" else STORE_TESTS:
        for name, method in vars(group).items():
            example = example_of(method)
            if example is not None:
                yield group, name, example


@cache
def shown_by(part: Literal["backend", "store"]) -> Mapping[str, tuple[str, ...]]:
    """The properties that each test shows, by the test's name."""
    return {name: (example.property_id, *example.also) for _, name, example in every_test(part)}
