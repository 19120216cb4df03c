"""The memory backend and store under the conformance suite."""

from anyjob.backends.memory import MemoryBackend, MemoryStore
from anyjob.conformance import Harness, Site, conformance_suite


class MemoryHarness(Harness):
    def backend(self, site: Site) -> MemoryBackend:
        return MemoryBackend(f"memory://{site.name}", namespace=site.namespace, clock=site.clock)

    def store(self, site: Site) -> MemoryStore:
        return MemoryStore(f"memory://{site.name}", namespace=site.namespace, clock=site.clock)


TestMemory = conformance_suite(MemoryHarness)
