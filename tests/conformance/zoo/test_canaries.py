"""With a part of the suite out, a run turns red: nothing passes because nobody looked."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from anyjob.conformance.clock import FakeClock
from anyjob.conformance.example import Example, shows
from anyjob.conformance.scene import Scene
from tests.conformance.zoo.judging import directed
from tests.conformance.zoo.mutant import MemoryMutantHarness


class Unmarking(Scene):
    """A scene on which no situation is ever noted."""

    def mark(self, name: str) -> None:
        pass


MARKED = [found for found in directed() if found[2].marks and not found[1].startswith("test_sto")]


@pytest.mark.parametrize("found", MARKED, ids=lambda found: found[1])
def test_example_is_vacuous_when_its_situation_is_not_noted(
    found: tuple[type, str, Example], record_property: Callable[[str, object], None]
) -> None:
    group, name, example = found
    record_property("zoo", "canary sang")

    clock = FakeClock() if example.clocks[0] == "suite" else None

    with (
        Unmarking(MemoryMutantHarness(), clock) as scene,
        pytest.raises(AssertionError, match="^VACUOUS: never reached"),
    ):
        getattr(group(), name)(scene)

    record_property("zoo", "canary fell silent")


def test_there_are_marks_to_take_out() -> None:
    assert MARKED


def test_mark_that_nobody_reaches_is_vacuous() -> None:
    class Group:
        @shows("ENQ-1", marks=("the moon was full",))
        def test_enq_1_nothing(self, scene: Scene) -> None:
            scene.put()

    with (
        Scene(MemoryMutantHarness(), None) as scene,
        pytest.raises(AssertionError, match="VACUOUS: never reached the moon was full"),
    ):
        Group().test_enq_1_nothing(scene)
