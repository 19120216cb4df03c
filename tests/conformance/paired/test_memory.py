"""A thin backend paired with a store in memory, under the conformance suite."""

from anyjob.conformance import conformance_suite
from tests.conformance.paired.harnesses import MemoryPair

TestMemoryPair = conformance_suite(MemoryPair)
