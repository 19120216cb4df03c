"""How the conformance suite makes a filebox."""

from anyjob.conformance import Harness, Site
from filebox.backend import FileBackend


class FileboxHarness(Harness):
    def backend(self, site: Site) -> FileBackend:
        url = f"filebox:///{site.folder}/jobs"
        return FileBackend(url, namespace=site.namespace, clock=site.clock)
