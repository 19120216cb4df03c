"""How the conformance suite makes a filebox, spoils it and fills its disk."""

from contextlib import ExitStack
from resource import RLIMIT_FSIZE, getrlimit, setrlimit

from anyjob.conformance import Harness, Site
from filebox.backend import FileBackend


class FileboxHarness(Harness):
    def backend(self, site: Site) -> FileBackend:
        return FileBackend(f"filebox:///{site.folder}", namespace=site.namespace, clock=site.clock)

    def plant(self, site: Site) -> list[str]:
        box = site.folder / site.namespace / "line"
        (box / "new" / "half a draft").touch()
        (box / "open" / "no job of ours").touch()
        return ["a draft", "a foreign file"]

    def fill(self, site: Site) -> ExitStack:
        room = ExitStack()
        room.callback(setrlimit, RLIMIT_FSIZE, getrlimit(RLIMIT_FSIZE))
        setrlimit(RLIMIT_FSIZE, (0, getrlimit(RLIMIT_FSIZE)[1]))
        return room
