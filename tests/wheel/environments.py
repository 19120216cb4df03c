"""Empty environments, and what is put into them."""

import subprocess
import sys


def pip(*arguments: str) -> None:
    """Run this environment's pip, on itself or with `--python` on another."""
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
