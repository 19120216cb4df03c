"""Who is to blame for a loss: the product that forgets, or the backend on it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import pytest

from anyjob.conformance import OwnProcess, Site, run_property
from anyjob.core.envelope import ACCEPTED, Envelope, Receipt
from tests.conformance.wire.client import LineBackend
from tests.conformance.wire.harness import WiredHarness

#: Begins with nothing, whatever it kept before.
FORGETFUL = """
import pathlib, sys
sys.path.insert(0, "")
for path in pathlib.Path(sys.argv[4]).iterdir():
    path.unlink()
from tests.conformance.wire.server import main
main()
"""


class ForgetfulHarness(WiredHarness):
    server = OwnProcess(
        [sys.executable, "-c", FORGETFUL, "--port", "{port}", "--dir", "{dir}"],
        url="line://{host}:{port}",
    )


class KeepsJobsToItself(LineBackend):
    """Takes a job of the highest priority, and sends it to nobody."""

    def enqueue(self, jobs: Sequence[Envelope], *, transaction: Any = None) -> list[Receipt]:
        if len(jobs) == 1 and jobs[0].priority == 9:
            return [ACCEPTED]
        return super().enqueue(jobs, transaction=transaction)


class SelfishHarness(WiredHarness):
    def backend(self, site: Site) -> LineBackend:
        return KeepsJobsToItself(str(site.url), namespace=site.namespace, clock=site.clock)


@pytest.mark.parametrize("property_id", ["CRS-5", "STO-2"])
def test_loss_that_the_product_has_too_is_unknown(property_id: str) -> None:
    with pytest.raises(AssertionError, match="^UNKNOWN: .* also loses what its own client stored"):
        run_property(property_id, ForgetfulHarness())


def test_loss_of_the_backends_own_is_its_failure() -> None:
    with pytest.raises(AssertionError, match="^(?!UNKNOWN)"):
        run_property("CRS-5", SelfishHarness())
