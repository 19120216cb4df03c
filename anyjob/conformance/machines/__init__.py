"""State machines: sequences that nobody thought of, against a model."""

from anyjob.conformance.example import explores
from anyjob.conformance.harness import Harness
from anyjob.conformance.machines.run import run_lease_machine


class BackendMachines:
    """The machines that run on a backend; `conformance_suite` sets the harness."""

    harness: Harness

    @explores(
        "LSE-1", "LSE-2", "LSE-3", "LSE-4", "LSE-5", "LSE-6", "LSE-8", "LSE-9", "LSE-10", "LSE-12",
        "SET-1", "SET-2", "SET-3", "SET-4", "SET-5", "SET-6",
    )  # fmt: skip
    def test_lease_machine(self) -> None:
        run_lease_machine(self.harness)


__all__ = ["BackendMachines", "run_lease_machine"]
