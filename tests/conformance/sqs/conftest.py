"""Leaves out of a push what takes too long."""

from __future__ import annotations

import os

import pytest

from tests.conformance.sqs.long import LONG


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if os.environ.get("CERTIFY"):
        return
    long = [item for item in items if "/sqs/" in item.nodeid and item.name.startswith(LONG)]
    if long:
        items[:] = [item for item in items if item not in long]
        config.hook.pytest_deselected(items=long)
