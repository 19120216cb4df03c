"""Classes of tests that nobody may change, and which of them a test belongs to."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from anyjob.conformance.example import Example, example_of
from anyjob.conformance.harness import Harness
from anyjob.core.errors import ConfigurationError

#: What of a suite is fixed, by how its name begins.
_FIXED = ("test_", "Test", "scene", "harness", "pytest_")


class Fixed(type):
    """The kind of a suite's classes: no subclass and no assignment takes a test away, since a
    property may be neither overridden nor left out.
    """

    def __new__(mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> Fixed:
        for base in bases:
            if isinstance(base, Fixed):
                _refuse(name, [each for each in namespace if each in _fixed_names(base)])
        return super().__new__(mcs, name, bases, namespace)

    def __setattr__(cls, name: str, value: object) -> None:
        _refuse(cls.__name__, [name] if name in _fixed_names(cls) else [])
        super().__setattr__(name, value)

    def __delattr__(cls, name: str) -> None:
        _refuse(cls.__name__, [name] if name in _fixed_names(cls) else [])
        super().__delattr__(name)


class Part:
    """What the two classes of a suite share; gives pytest the engine.

    pytest calls `pytest_generate_tests` of a class while it collects, in every process that does,
    so that an author's run needs neither a conftest nor an option.
    """

    harness: Harness
    #: "backend" or "store".
    part: str

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Load the engine, and refuse what is not the suite's own."""
        from anyjob.conformance.engine.plugin import load

        load(metafunc.config)
        cls = metafunc.cls
        assert cls is not None
        _check_own(cls, metafunc.function.__name__)


def part_of(item: pytest.Item) -> type[Part] | None:
    """The class of the suite that a test belongs to, if it belongs to one."""
    cls = getattr(item, "cls", None)
    return cls if isinstance(cls, type) and issubclass(cls, Part) else None


def examples_of(part: type[Part]) -> dict[str, Example]:
    """Every test of a class of the suite by its name."""
    found = {name: example_of(getattr(part, name)) for name in dir(part)}
    return {name: example for name, example in found.items() if example is not None}


def _fixed_names(cls: type) -> set[str]:
    """The names of what is fixed, if the class is a suite's or a suite."""
    if not any(isinstance(each, Fixed) for each in cls.__mro__):
        return set()
    return {name for name in dir(cls) if name.startswith(_FIXED)}


def _refuse(name: str, changed: list[str]) -> None:
    if changed:
        raise ConfigurationError(
            f"{name} replaces or removes {changed[0]!r} of the conformance suite, and a property"
            " may not be overridden or left out; list what is known to fail in conformance.toml"
        )


def _check_own(cls: type, name: str) -> None:
    """Refuse a test of the suite whose body is somebody else's."""
    method = inspect.getattr_static(cls, name)
    example = example_of(method)
    if example is None:
        return  # a test that the author added
    body = inspect.unwrap(method)
    if not body.__module__.startswith("anyjob.conformance."):
        raise pytest.UsageError(
            f"{cls.__name__}.{name} is not the conformance suite's own, it comes from"
            f" {body.__module__}; a property may not be overridden"
        )
