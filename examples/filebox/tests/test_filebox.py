"""The filebox under the conformance suite."""

from anyjob.conformance import conformance_suite
from filebox.harness import FileboxHarness

TestFilebox = conformance_suite(FileboxHarness)
