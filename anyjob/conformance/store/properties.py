"""What the groups of a store's properties share: the stage they stand on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from anyjob.conformance.clock import FakeClock
from anyjob.conformance.harness import Harness
from anyjob.conformance.probe import obeys_clock
from anyjob.conformance.store_scene import StoreScene


class StoreProperties:
    """A group of examples; `conformance_suite` sets the harness."""

    harness: Harness

    @pytest.fixture
    def scene(self, request: pytest.FixtureRequest) -> Iterator[StoreScene]:
        """A site of its own with an opened store, closed and removed in the end."""
        moved = getattr(request, "param", "suite") == "suite" and obeys_clock(self.harness)
        with StoreScene(self.harness, FakeClock() if moved else None) as scene:
            yield scene
        request.node.user_properties.append(("status", scene.status))
        request.node.user_properties += scene.evidence.items()
