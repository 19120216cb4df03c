"""How a test says which property it shows, on which clocks, and what must have happened for it to
count.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Literal, TypeVar

import msgspec
import pytest

from anyjob.conformance.harness import offers
from anyjob.conformance.manifest import property_of
from anyjob.conformance.stage import Stage
from anyjob.core.state import State

#: "suite": the clock that the suite moves, in milliseconds. "own": the backend's own, with short
#: real times.
ClockKind = Literal["suite", "own"]
#: By what a test shows its properties: a directed example, a state machine, cuts of the wire or
#: deaths of a process at each request, a concurrent history, or a server that is killed.
Layer = Literal["example", "machine", "crash", "history", "server"]
StageT = TypeVar("StageT", bound=Stage)


class Example(msgspec.Struct, frozen=True):
    """What a test method says about itself."""

    property_id: str
    clocks: tuple[ClockKind, ...]
    #: Further properties that it shows.
    also: tuple[str, ...]
    layer: Layer
    #: What of the harness it takes; without it, its properties are untested by it.
    hook: str | None
    #: The field of the capabilities without which the backend must refuse instead.
    needs: str | None
    #: The field of the capabilities whose level "none" leaves nothing to show.
    level: str | None
    #: The state whose jobs a backend must list, or else refuse to.
    lists: State | None
    #: The situations it exists for; one that was never reached makes it vacuous, and vacuous fails.
    marks: tuple[str, ...]


def shows(
    property_id: str,
    *,
    clocks: tuple[ClockKind, ...] = ("suite",),
    also: tuple[str, ...] = (),
    layer: Layer = "example",
    hook: str | None = None,
    needs: str | None = None,
    level: str | None = None,
    lists: State | None = None,
    marks: tuple[str, ...] = (),
    moves_clock: bool = False,
) -> Callable[[Callable[[Any, StageT], None]], Callable[[Any, StageT], None]]:
    """Mark a method as what shows a property, and `also` further ones.

    With `hook`, it is untested where the author did not write that part of the harness.
    With `needs`, a backend that declares that capability absent is made to refuse, in place of the
    example; with `lists`, one that does not list jobs of that state. With `level`, one that
    declares "none" there passes at that level: nobody could refuse anything. With `moves_clock`,
    more time is to pass than a test can wait, and the example is untested on a clock that cannot be
    moved. Raises KeyError for an unknown property.
    """
    for each in (property_id, *also):
        property_of(each)

    def decorate(body: Callable[[Any, StageT], None]) -> Callable[[Any, StageT], None]:
        @functools.wraps(body)
        def example(self: Any, scene: StageT) -> None:
            if needs is not None and scene.lacks(needs):
                scene.verify_absent(needs)
                return
            if lists is not None and scene.lists_not(lists):
                scene.verify_unlisted(lists)
                return
            if level is not None and scene.lacks(level):
                scene.status = "PASS(none)"
                return
            if hook is not None and not offers(scene.harness, hook):
                pytest.skip(f"UNTESTED: the harness has no {hook}")
            if layer != "example":
                scene.need_recovery()
            if moves_clock and scene.clock is None:
                pytest.skip("UNTESTED: the clock of the site is not obeyed, so it cannot be moved")
            body(self, scene)
            scene.check_marks(marks)

        example.example = Example(  # type: ignore[attr-defined]
            property_id=property_id,
            clocks=clocks,
            also=also,
            layer=layer,
            hook=hook,
            needs=needs,
            level=level,
            lists=lists,
            marks=marks,
        )
        if clocks == ("suite",):
            return example
        on_each = pytest.mark.parametrize("scene", clocks, indirect=True)
        marked: Callable[[Any, StageT], None] = on_each(example)
        return marked

    return decorate


def explores(
    property_id: str, *also: str, layer: Layer = "machine"
) -> Callable[[Callable[[Any], None]], Callable[[Any], None]]:
    """Mark a method that takes no scene, and makes as many as it wants, as what shows properties.

    Raises KeyError for an unknown property.
    """
    for each in (property_id, *also):
        property_of(each)

    def decorate(body: Callable[[Any], None]) -> Callable[[Any], None]:
        body.example = Example(  # type: ignore[attr-defined]
            property_id=property_id,
            clocks=("suite",),
            also=also,
            layer=layer,
            hook=None,
            needs=None,
            level=None,
            lists=None,
            marks=(),
        )
        return body

    return decorate


def example_of(method: object) -> Example | None:
    """What `shows` wrote on a method, if it did."""
    return getattr(method, "example", None)
