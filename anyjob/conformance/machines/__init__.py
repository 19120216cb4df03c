"""State machines: sequences that nobody thought of, against a model."""

from anyjob.conformance.example import explores
from anyjob.conformance.harness import Harness
from anyjob.conformance.machines.run import run_lease_machine, run_machine


class BackendMachines:
    """The machines that run on a backend; `conformance_suite` sets the harness."""

    harness: Harness

    @explores(
        "LSE-1", "LSE-2", "LSE-3", "LSE-4", "LSE-5", "LSE-6", "LSE-8", "LSE-9", "LSE-10", "LSE-12",
        "SET-1", "SET-2", "SET-3", "SET-4", "SET-5", "SET-6",
    )  # fmt: skip
    def test_lease_machine(self) -> None:
        run_machine("lease", self.harness)

    @explores("LSE-3", "LSE-4", "LSE-7", "LSE-11", "LSE-12", "TIM-4", "TIM-6", "SET-8")
    def test_recovery_machine(self) -> None:
        run_machine("recovery", self.harness)

    @explores("UNQ-1", "UNQ-2", "UNQ-3", "UNQ-4", "ENQ-4", "ENQ-6", "ENQ-9", "DLQ-5")
    def test_unique_machine(self) -> None:
        run_machine("unique", self.harness)

    @explores("ORD-1", "ORD-2", "ORD-3", "ORD-4", "ORD-6", "FET-2", "FET-5", "SET-5", "ENQ-9")
    def test_order_machine(self) -> None:
        run_machine("order", self.harness)

    @explores("TIM-1", "TIM-2", "TIM-3", "TIM-5", "SET-4", "LSE-3", "MNT-2")
    def test_schedule_machine(self) -> None:
        run_machine("schedule", self.harness)

    @explores("ADM-1", "ADM-2", "ADM-3", "ADM-4", "ADM-5", "DLQ-1", "DLQ-2", "DLQ-5")
    def test_administration_machine(self) -> None:
        run_machine("administration", self.harness)

    @explores("PAY-1", "PAY-2", "PAY-4", "SET-3", "DLQ-2", "DLQ-5", "ENQ-1", "ENQ-3", "ENQ-5")
    def test_payload_machine(self) -> None:
        run_machine("payload", self.harness)


class StoreMachines:
    """The machines that run on a store; `conformance_suite` sets the harness."""

    harness: Harness

    @explores(
        "KEY-1", "KEY-2", "KEY-3", "KEY-4", "KEY-5",
        "CLM-1", "CLM-2", "CLM-3", "MEM-1", "MEM-2", "INC-1", "SER-1",
    )  # fmt: skip
    def test_store_keys_machine(self) -> None:
        run_machine("store_keys", self.harness)

    @explores("SCH-1", "SCH-2", "SCH-3", "SCH-4", "KEY-5")
    def test_store_schedule_machine(self) -> None:
        run_machine("store_schedule", self.harness)


__all__ = ["BackendMachines", "StoreMachines", "run_lease_machine", "run_machine"]
