"""What turns tests into verdicts: a plugin of pytest, and a program that runs it in a child.

`-p anyjob.conformance.engine` loads the plugin where no test is collected: in the process that
pytest-xdist's workers report to.
"""

from __future__ import annotations

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Load the engine."""
    from anyjob.conformance.engine.plugin import load

    load(config)
