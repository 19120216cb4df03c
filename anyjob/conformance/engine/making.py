"""What a harness must be before anything it makes can be judged: it makes new, unopened objects
that open, and says nothing of what they can do.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from anyjob.conformance.example import explores
from anyjob.conformance.harness import Harness
from anyjob.conformance.scene import Scene
from anyjob.conformance.stage import Stage
from anyjob.conformance.store_scene import StoreScene
from anyjob.core.backend import Backend
from anyjob.core.capabilities import Capabilities
from anyjob.core.errors import Misuse, shown
from anyjob.core.store import Store, StoreCapabilities

#: How a name begins that says what is to be expected, or left out.
_FLAG = re.compile(r"(supports|has|can|lacks|skip|exclude|ignore|omit|xfail|expect|test|capabilit)")


class MakesBackends:
    """The harness of a backend; `conformance_suite` sets it."""

    harness: Harness

    @explores("CAP-5", layer="example")
    def test_cap_5_harness_says_nothing_of_capabilities(self) -> None:
        found = flags_of(self.harness)

        assert not found, _FLAGS_MESSAGE.format(", ".join(found))

    @explores("LIF-3", layer="example")
    def test_lif_3_harness_makes_a_backend_that_opens(self) -> None:
        with Stage(self.harness, None) as stage:
            backend = self.harness.backend(stage.site)
            assert isinstance(backend, Backend), _not_a("Backend", "backend", backend)
            backend.open()
            backend.close()

    @explores("LIF-5", "CON-3", layer="example")
    def test_lif_5_harness_makes_a_new_backend_each_time(self) -> None:
        with Stage(self.harness, None) as stage:
            made = [self.harness.backend(stage.site) for _ in range(2)]
            assert made[0] is not made[1], _SHARED.format("backend")

    @explores("LIF-1", layer="example")
    def test_lif_1_harness_makes_an_unopened_backend(self) -> None:
        with Stage(self.harness, None) as stage:
            backend = self.harness.backend(stage.site)
            stage.at_end(backend.close)
            assert _misused(backend.queues), _OPENED.format("backend")


class MakesStores:
    """The harness of a store; `conformance_suite` sets it."""

    harness: Harness

    @explores("STO-4", layer="example")
    def test_sto_4_cap_5_harness_says_nothing_of_capabilities(self) -> None:
        found = flags_of(self.harness)

        assert not found, _FLAGS_MESSAGE.format(", ".join(found))

    @explores("STO-4", layer="example")
    def test_sto_4_lif_3_harness_makes_a_store_that_opens(self) -> None:
        with Stage(self.harness, None) as stage:
            store = self.harness.store(stage.site)
            assert isinstance(store, Store), _not_a("Store", "store", store)
            store.open()
            store.close()

    @explores("STO-4", layer="example")
    def test_sto_4_lif_5_harness_makes_a_new_store_each_time(self) -> None:
        with Stage(self.harness, None) as stage:
            made = [self.harness.store(stage.site) for _ in range(2)]
            assert made[0] is not made[1], _SHARED.format("store")

    @explores("STO-4", layer="example")
    def test_sto_4_lif_1_harness_makes_an_unopened_store(self) -> None:
        with Stage(self.harness, None) as stage:
            store = self.harness.store(stage.site)
            stage.at_end(store.close)
            assert _misused(lambda: store.get(["key"])), _OPENED.format("store")


_FLAGS_MESSAGE = (
    "the harness says {}, and what can be done is read from the opened object alone; remove it, and"
    " declare it in capabilities"
)
_SHARED = "{0}(site) gave the same object twice; make a new one each time"
_OPENED = "{0}(site) gave an opened {0}; leave open() to the suite"


def flags_of(harness: Harness) -> list[str]:
    """The names in a harness by which it says what is to be expected, sorted."""
    hooks = set(dir(Harness))
    declared = {*Capabilities.__struct_fields__, *StoreCapabilities.__struct_fields__} - hooks
    written = {name for kind in type(harness).__mro__[:-1] for name in vars(kind)} - hooks
    return sorted(
        name
        for name in written | (vars(harness).keys() - hooks)
        if name in declared
        or _FLAG.match(name.lower())
        or isinstance(getattr(harness, name, None), Capabilities | StoreCapabilities)
    )


def declared_by(harness: Harness, part: str) -> Any:
    """What the opened object declares; raises whatever stands in the way of opening it."""
    with (Scene if part == "backend" else StoreScene)(harness, None) as scene:
        opened = scene.backend if isinstance(scene, Scene) else scene.store
        return opened.capabilities


def _not_a(kind: str, hook: str, made: object) -> str:
    return f"expected {hook}(site) to return a {kind}, got {shown(made)}"


def _misused(call: Callable[[], object]) -> bool:
    """Whether a call is refused because the object is not open."""
    try:
        call()
    except Misuse:
        return True
    return False
