"""The process in which the tests of a run by command line are executed, so that one that ends it
ends not the run. A plugin of pytest, which is told by the environment what to do.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from anyjob.conformance.engine.events import Began, Collected, Event, Happened, Stuck
from anyjob.conformance.engine.loading import find_harness
from anyjob.conformance.engine.outcome import Outcome
from anyjob.conformance.engine.plugin import NAME, STUCK, Engine
from anyjob.conformance.engine.spec import Spec
from anyjob.conformance.engine.suites import part_of
from anyjob.conformance.engine.testing import name_of
from anyjob.conformance.example import example_of
from anyjob.conformance.harness import Harness

#: Of the author's environment only what the harness itself imports shall count.
_PLUGINS_OFF = ("cacheprovider", "faulthandler", "stepwise", "junitxml", "doctest", "unittest")
#: Names the file that holds the spec.
SPEC = "CONFORMANCE_SPEC"


def harness_of_this_run() -> type[Harness]:
    """The harness that the spec names."""
    return find_harness(_spec().harness)


def _spec() -> Spec:
    return msgspec.json.decode(Path(os.environ[SPEC]).read_bytes(), type=Spec)


class TellingEngine(Engine):
    """An engine that tells a file what happens, for the process that watches this one."""

    def __init__(self, config: pytest.Config, spec: Spec) -> None:
        super().__init__(config)
        self._spec = spec
        self._file = os.open(spec.events, os.O_WRONLY | os.O_APPEND)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        super().pytest_collection_modifyitems(items)
        left = self._spec.left([_name(item) for item in items if self._is_wanted(item)])
        taken = [item for item in items if part_of(item) is not None and _name(item) in left]
        self.config.hook.pytest_deselected(items=[item for item in items if item not in taken])
        items[:] = taken
        self._tell(Collected(tuple(_name(item) for item in items)))

    def _is_wanted(self, item: pytest.Item) -> bool:
        part, example = part_of(item), example_of(getattr(item, "function", None))
        if part is None or example is None:
            return False
        return self._spec.wants(part.part, item.name, (example.property_id, *example.also))

    def began(self, test: str) -> None:
        self._tell(Began(test))

    def told(self, outcome: Outcome) -> None:
        self._tell(Happened(outcome))

    def _tell(self, event: Event) -> None:
        # One write for each, and nothing kept that a forked child could write again.
        os.write(self._file, msgspec.json.encode(event) + b"\n")

    def _on_stuck(self, stacks: str) -> None:
        self._tell(Stuck(stacks))
        os._exit(STUCK)


def _name(item: pytest.Item) -> str:
    part = part_of(item)
    assert part is not None
    return name_of(item, part)


def pytest_configure(config: pytest.Config) -> None:
    """Load the engine that tells what happens. By pytest, so that it reads the suite's assertions
    before Python does, and a failed one shows its values.
    """
    config.pluginmanager.register(TellingEngine(config, _spec()), NAME)


def arguments() -> list[str]:
    """What pytest is called with, so that of the author's surroundings nothing counts but the
    harness.
    """
    return [
        str(Path(__file__).with_name("certify.py")),
        f"-p{__name__}",
        f"--rootdir={Path.cwd()}",
        f"-c{os.devnull}",
        "--noconftest",
        "--import-mode=importlib",
        "--tb=short",
        "-q",
        "-Werror",
        *(f"-pno:{name}" for name in _PLUGINS_OFF),
    ]
