"""The example of the page for authors, under the conformance suite."""

from pathlib import Path

from anyjob.conformance import conformance_suite
from filebox.harness import FileboxHarness


class FileboxInMemoryHarness(FileboxHarness):
    # Files in memory where the system has such a folder, as for SQLite.
    root = Path("/dev/shm") if Path("/dev/shm").is_dir() else None


TestFilebox = conformance_suite(FileboxInMemoryHarness)
