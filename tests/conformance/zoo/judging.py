"""What the suite says about one backend, example by example."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest

from anyjob.conformance import Harness
from anyjob.conformance.clock import FakeClock
from anyjob.conformance.example import Example
from anyjob.conformance.scene import Scene
from anyjob.conformance.store import STORE_GROUPS
from anyjob.conformance.store_scene import StoreScene
from anyjob.conformance.suite import examples

Found = tuple[type, str, Example]


class Verdict(msgspec.Struct, frozen=True):
    """How one example ended."""

    test: str
    property_id: str
    #: What a failure says; None where it passed, or could not be shown here.
    failure: str | None


def directed(property_id: str | None = None) -> list[Found]:
    """The directed examples, of one property or all."""
    return [each for each in examples(property_id) if each[2].layer == "example"]


def showing(property_id: str) -> list[Found]:
    """What shows a property, the directed examples first; concurrent histories are not asked."""
    found = [each for each in examples(property_id) if each[2].layer != "history"]
    return sorted(found, key=lambda each: each[2].layer != "example")


def judged(harness: Harness, found: list[Found], *, clocks: int | None = 1) -> Iterator[Verdict]:
    """Run these examples, each on the first so many of its clocks, all with None.

    The second clock is the backend's own, on which the same text takes real seconds.
    """
    for group, name, example in found:
        for kind in example.clocks[:clocks]:
            yield Verdict(name, example.property_id, failure_of(harness, group, name, kind))


def failure_of(harness: Harness, group: type, name: str, kind: str) -> str | None:
    """What an example says of it, on the suite's clock or, for "own", its own."""
    clock = FakeClock() if kind == "suite" else None
    stage = StoreScene if group in STORE_GROUPS else Scene
    try:
        with stage(harness, clock) as scene:
            getattr(group(), name)(scene)
    except pytest.skip.Exception:
        return None
    except (Exception, pytest.fail.Exception) as error:
        return f"{type(error).__name__}: {error}"
    return None
