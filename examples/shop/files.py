"""Writing a file so that nobody ever sees half of it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a path to write to, and put what was written in the place of `path` at the end.

    A job may be killed while it writes, and runs again then: until the last step nothing stands
    under the real name, and a second run replaces the file by its equal.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".part-") as folder:
        part = Path(folder, path.name)
        yield part
        part.replace(path)
