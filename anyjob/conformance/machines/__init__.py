"""State machines: sequences that nobody thought of, against a model."""

from anyjob.conformance.harness import Harness
from anyjob.conformance.machines.run import run_lease_machine


class BackendMachines:
    """The machines that run on a backend; `conformance_suite` sets the harness."""

    harness: Harness

    def test_lease_machine(self) -> None:
        run_lease_machine(self.harness)


__all__ = ["BackendMachines", "run_lease_machine"]
