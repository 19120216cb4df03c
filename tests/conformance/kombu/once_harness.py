"""Transports that delete what they hand out: at most once, which the suite knows and certifies
nothing of.
"""

from __future__ import annotations

from anyjob.backends.kombu import KombuBackend
from anyjob.conformance import Harness, Site


class KombuMemoryHarness(Harness):
    def backend(self, site: Site) -> KombuBackend:
        return KombuBackend("kombu+memory://?delivery=at_most_once", namespace=site.namespace)


class KombuFilesystemHarness(Harness):
    def backend(self, site: Site) -> KombuBackend:
        return KombuBackend(
            f"kombu+filesystem://{site.folder}/jobs",
            namespace=site.namespace,
            delivery="at_most_once",
        )
