"""From a harness to tests: a class that pytest collects, or one property at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from anyjob.conformance.backend import BACKEND_GROUPS
from anyjob.conformance.catalogue import BACKEND_TESTS, STORE_TESTS
from anyjob.conformance.clock import FakeClock
from anyjob.conformance.engine.suites import Fixed, Part
from anyjob.conformance.example import ClockKind, Example, example_of
from anyjob.conformance.harness import Harness, offers
from anyjob.conformance.probe import obeys_clock
from anyjob.conformance.scene import Scene
from anyjob.conformance.stage import Stage
from anyjob.conformance.store import STORE_GROUPS
from anyjob.conformance.store_scene import StoreScene
from anyjob.core.errors import ConfigurationError


def conformance_suite(harness: type[Harness]) -> type:
    """Return a class of tests; assign it to a name that begins with Test.

    `TestBackend` inside it holds the properties of a backend and the state machines, `TestStore`
    those of a store, as far as the harness offers one. Tests may be added in a subclass, and none
    replaced. Raises ConfigurationError if it offers neither.
    """
    made = harness()
    parts: dict[str, Any] = {"__doc__": f"The conformance suite on {harness.__qualname__}."}
    if offers(made, "backend"):
        parts["TestBackend"] = _part("TestBackend", BACKEND_TESTS, made, "backend")
    if offers(made, "store"):
        parts["TestStore"] = _part("TestStore", STORE_TESTS, made, "store")
    if len(parts) == 1:
        raise ConfigurationError(
            f"expected {harness.__qualname__} to make a backend, a store or both, got neither;"
            " write backend(self, site) or store(self, site)"
        )
    return Fixed(harness.__name__, (), parts)


def _part(name: str, tests: tuple[type, ...], harness: Harness, part: str) -> type:
    # pytest begins with the tests of the last base.
    return Fixed(name, (Part, *reversed(tests)), {"harness": harness, "part": part})


def examples(property_id: str | None = None) -> Iterator[tuple[type, str, Example]]:
    """Every example, or those of one property: the group, the method's name, and what it says of
    itself.
    """
    for group in (*BACKEND_GROUPS, *STORE_GROUPS):
        for name, method in vars(group).items():
            example = example_of(method)
            if example is not None and property_id in (None, example.property_id):
                yield group, name, example


def run_property(property_id: str, harness: Harness) -> None:
    """Run the examples of one property, on each of their clocks; raises what the first broken one
    raises.

    For authors who want to step through one, and for the suite's own tests. Raises
    ConfigurationError if there is none.
    """
    found = list(examples(property_id))
    if not found:
        raise ConfigurationError(f"no example of property {property_id!r}")
    for group, name, example in found:
        for clock in example.clocks:
            with _stage(group, harness, clock) as scene:
                getattr(group(), name)(scene)


def _stage(group: type, harness: Harness, kind: ClockKind) -> Stage:
    clock = FakeClock() if kind == "suite" and obeys_clock(harness) else None
    return StoreScene(harness, clock) if group in STORE_GROUPS else Scene(harness, clock)
