"""The wired pair under the conformance suite, like any other backend and store."""

from anyjob.conformance import conformance_suite
from tests.conformance.wire.harness import WiredHarness

TestWired = conformance_suite(WiredHarness)
