"""What every machine is made of: a site of its own for each run, marks, and an end at rest."""

from __future__ import annotations

import contextlib
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import ClassVar

from hypothesis.stateful import RuleBasedStateMachine

from anyjob.conformance.clock import FakeClock
from anyjob.conformance.harness import Harness
from anyjob.conformance.machines.model import Model
from anyjob.conformance.scene import LEASE, Scene
from anyjob.conformance.stage import Stage
from anyjob.conformance.store_scene import StoreScene
from anyjob.core.errors import AnyjobError


class Machine(RuleBasedStateMachine):
    """A stage on the suite's clock; a subclass has the rules, `run_machine` sets the harness."""

    #: What must have happened in a whole run for it to count, and the capability that it takes.
    situations: ClassVar[Mapping[str, str | None]]
    harness: ClassVar[Harness]
    #: How often each situation was reached, over all runs.
    marks: ClassVar[Counter[str]]
    #: The marks that can be reached with what is declared.
    wanted: ClassVar[set[str]]

    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock()
        self._enter()
        for mark, capability in self.situations.items():
            if capability is None or not self._stage().lacks(capability):
                self.wanted.add(mark)

    def teardown(self) -> None:
        try:
            # After a failure the model knows nothing of what came after it.
            if sys.exc_info()[0] is None:
                self.come_to_rest()
        finally:
            self._stage().__exit__(None, None, None)

    def come_to_rest(self) -> None:
        """Let everything end that can, and compare what is left with the model."""
        raise NotImplementedError

    def _enter(self) -> None:
        raise NotImplementedError

    def _stage(self) -> Stage:
        raise NotImplementedError


class SceneMachine(Machine):
    """A machine on a backend."""

    def let_pass(self, seconds: float, *models: Model) -> None:
        """Let time pass. As much as a lease has ends those of before; what hangs on connections by
        a cut of them all.
        """
        self.scene.pass_time(seconds)
        if late := self.cut_after(seconds, *models):
            self.scene.pass_time(late)

    def cut_after(self, seconds: float, *models: Model) -> float:
        """Cut the connections on which leases hang, if so much time has passed; in how many seconds
        what was leased is back, 0 where nothing was cut.
        """
        capabilities = self.scene.capabilities
        if capabilities.lease == "timed" or seconds < LEASE:
            return 0.0
        self.scene.sever()
        for model in models:
            model.severed()
        return capabilities.redelivery_lag + capabilities.resolution

    def _enter(self) -> None:
        self.scene = Scene(self.harness, self.clock).__enter__()

    def _stage(self) -> Stage:
        return self.scene


class StoreMachine(Machine):
    """A machine on a store, over two connections."""

    def __init__(self) -> None:
        super().__init__()
        self.stores = [self.scene.store, self.scene.fresh()]

    def _enter(self) -> None:
        self.scene = StoreScene(self.harness, self.clock).__enter__()

    def _stage(self) -> Stage:
        return self.scene


@contextlib.contextmanager
def refused(kind: type[AnyjobError]) -> Iterator[None]:
    """Fail unless the call in the block raises this error of ours."""
    try:
        yield
    except kind:
        return
    raise AssertionError(f"accepted what {kind.__name__} was to be raised for")
