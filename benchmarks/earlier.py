"""The code of an earlier commit, which an interpreter imports in place of today's."""

from __future__ import annotations

import subprocess
import tarfile
from io import BytesIO
from pathlib import Path

ROOT = Path(__file__).parent.parent

#: The second commit that has a worker on Redis: that of the first dies in every other drain, of
#: answers that it counts wrong.
FIRST_ON_REDIS = "a9ea9c7dac5c97135d8e51f86685b897e4211a43"


class NotThere(Exception):
    """Raised where the history does not reach so far back, as in a shallow clone."""


def unpacked(commit: str, folder: Path) -> Path:
    """Put the package of a commit into `folder`; returns it. Raises NotThere."""
    done = subprocess.run(
        ["git", "-C", str(ROOT), "archive", commit, "anyjob"], capture_output=True, check=False
    )
    if done.returncode:
        raise NotThere(done.stderr.decode(errors="replace").strip())
    with tarfile.open(fileobj=BytesIO(done.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder


def variables(code: Path) -> dict[str, str]:
    """What makes an interpreter import the `anyjob` of a folder, with the benchmarks of today."""
    return {"PYTHONPATH": f"{code}:{ROOT}", "PYTHONSAFEPATH": "1"}
