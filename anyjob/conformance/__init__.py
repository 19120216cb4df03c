"""Does this backend, or this store, keep the contract? For their authors; `pip install
anyjob[conformance]`.

    class CoralHarness(Harness):
        def backend(self, site):
            return CoralBackend(site.folder / "coral", namespace=site.namespace, clock=site.clock)

    TestCoral = conformance_suite(CoralHarness)
"""

import pytest

# Before they are imported, so that a failed assertion shows its values.
pytest.register_assert_rewrite(
    "anyjob.conformance.backend",
    "anyjob.conformance.store",
    "anyjob.conformance.machines",
    "anyjob.conformance.absences",
    "anyjob.conformance.levels",
    "anyjob.conformance.scene",
    "anyjob.conformance.stage",
    "anyjob.conformance.store_scene",
)

from anyjob.conformance.clock import FakeClock  # noqa: E402 - see above
from anyjob.conformance.harness import Harness, Site  # noqa: E402
from anyjob.conformance.manifest import Property, backend_properties, store_properties  # noqa: E402
from anyjob.conformance.suite import conformance_suite, run_property  # noqa: E402

__all__ = [
    "FakeClock",
    "Harness",
    "Property",
    "Site",
    "backend_properties",
    "conformance_suite",
    "run_property",
    "store_properties",
]
