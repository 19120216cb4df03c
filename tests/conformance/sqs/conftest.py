"""What of the suite takes too long on SQS for each push.

A look that finds nothing takes as long as a job may take to be seen, a quarter of a second on the
emulator, and each of some hundred points of a crash is looked at ten times. The emulator's clock
goes on by itself, so on a busy machine the leases of five thousand jobs end before the last of them
is taken, a thousand are not enqueued in time, and a server in trouble is later than it may be.
These tests run with CERTIFY=1; without it their properties have no verdict.
"""

from __future__ import annotations

import os

import pytest

_LONG = (
    "test_crs_1_client_that_dies", "test_crs_2_", "test_dlq_3_burial_cut", "test_enq_5_batch_cut",
    "test_set_7_children_and_settlement_cut", "test_dlq_5_more_than_a_page",
    "test_adm_2_more_than_a_page", "test_adm_2_purge_removes_more", "test_mnt_3_more_than_a_page",
    "test_history_of_a_server_in_trouble", "test_tim_2_thousand_jobs",
)  # fmt: skip


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if os.environ.get("CERTIFY"):
        return
    long = [item for item in items if "/sqs/" in item.nodeid and item.name.startswith(_LONG)]
    if long:
        items[:] = [item for item in items if item not in long]
        config.hook.pytest_deselected(items=long)
