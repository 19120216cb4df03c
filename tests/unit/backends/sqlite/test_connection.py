"""How connections are made: what a commit has to wait for."""

from contextlib import closing
from pathlib import Path

import pytest

from anyjob.backends.sqlite.connection import connect_writer, use_log


@pytest.mark.parametrize(("level", "number"), [("full", 2), ("normal", 1)])
def test_commit_waits_for_the_disk_as_its_level_says(path: Path, level: str, number: int) -> None:
    # The numbers are SQLite's: 2 forces the log to the disk at each commit, 1 does not.
    path.touch()

    with closing(connect_writer(path)) as connection:
        use_log(connection, level)

        assert connection.execute("PRAGMA synchronous").fetchone() == (number,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
