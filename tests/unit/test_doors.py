"""What stands behind a door has a docstring, its methods too, which the linter doesn't ask."""

import inspect
from collections.abc import Iterator
from types import ModuleType
from typing import get_args

import pytest

import anyjob
import anyjob.backends

DOORS = [anyjob, anyjob.backends]


def public(door: ModuleType) -> Iterator[object]:
    names: list[str] = door.__all__
    for name in names:
        thing = getattr(door, name)
        yield thing
        if inspect.isclass(thing):
            yield from members(thing)


def members(kind: type) -> Iterator[object]:
    for name, member in vars(kind).items():
        if not name.startswith("_") and inspect.isroutine(member):
            yield member


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)
def test_everything_behind_a_door_is_documented(door: ModuleType) -> None:
    bare = [thing for thing in public(door) if callable(thing) and not inspect.getdoc(thing)]

    assert bare == []


def test_every_outcome_is_behind_the_users_door() -> None:
    # Middleware is written by users, and returns them.
    assert {kind.__name__ for kind in get_args(anyjob.Outcome)} <= set(anyjob.__all__)
