"""File systems that a test mounts for one process, in a namespace that ends with it."""

from __future__ import annotations

import os
import subprocess

import pytest


def in_namespace(script: str, *arguments: object) -> list[str]:
    """A command that runs a shell script with mounts that nobody else sees; `$1` and on are its
    arguments.

    Skips the test where the kernel lets nobody do that.
    """
    options = ["--mount"] if os.getuid() == 0 else ["--mount", "--map-root-user"]
    probe = ["unshare", *options, "sh", "-c", "mount -t tmpfs tmpfs /mnt"]
    try:
        done = subprocess.run(probe, capture_output=True, check=False)
    except OSError:
        done = None
    if done is None or done.returncode != 0:
        pytest.skip("no mount namespace can be made here")
    return ["unshare", *options, "sh", "-e", "-c", script, "sh", *map(str, arguments)]
