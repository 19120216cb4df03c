"""Does this backend, or this store, keep the contract? For their authors.

A harness of a few lines is all that the suite wants::

    class CoralHarness(Harness):
        def backend(self, site):
            return CoralBackend(site.folder / "coral", namespace=site.namespace, clock=site.clock)

    TestCoral = conformance_suite(CoralHarness)
"""

from anyjob.core.errors import ConfigurationError

try:
    import hypothesis  # noqa: F401 - the machines import it; here only its absence is of interest
    import pytest
except ModuleNotFoundError as error:
    raise ConfigurationError(
        f"the conformance suite needs {error.name}, which is not installed;"
        " pip install 'anyjob[conformance]'"
    ) from error

# Before they are imported, so that a failed assertion shows its values.
pytest.register_assert_rewrite(
    "anyjob.conformance.backend",
    "anyjob.conformance.store",
    "anyjob.conformance.history.backend",
    "anyjob.conformance.machines",
    "anyjob.conformance.crash",
    "anyjob.conformance.absences",
    "anyjob.conformance.levels",
    "anyjob.conformance.scene",
    "anyjob.conformance.stage",
    "anyjob.conformance.store_scene",
)

from anyjob.conformance.checked import Checked  # noqa: E402 - see above
from anyjob.conformance.clock import FakeClock  # noqa: E402
from anyjob.conformance.harness import Harness, Site  # noqa: E402
from anyjob.conformance.manifest import Property, backend_properties, store_properties  # noqa: E402
from anyjob.conformance.servers import OwnProcess  # noqa: E402
from anyjob.conformance.suite import conformance_suite, run_property  # noqa: E402

__all__ = [
    "Checked",
    "FakeClock",
    "Harness",
    "OwnProcess",
    "Property",
    "Site",
    "backend_properties",
    "conformance_suite",
    "run_property",
    "store_properties",
]
