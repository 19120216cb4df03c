"""What of the suite takes too long on the emulated SQS for each push.

Each request passes three programs of Python, two milliseconds of CPU: so long that thousands of
jobs, one by one or more than a page of them, take a quarter of a minute, and so do some hundred
points of a crash with ten looks at each. These tests run with CERTIFY=1; without it, their
properties stand on their other examples, and those of CRS-1 and CRS-2 have no verdict.
"""

from __future__ import annotations

LONG = (
    "test_crs_1_client_that_dies", "test_crs_2_", "test_dlq_3_burial_cut", "test_enq_5_batch_cut",
    "test_set_7_children_and_settlement_cut", "test_dlq_5_more_than_a_page",
    "test_adm_2_more_than_a_page", "test_adm_2_purge_removes_more", "test_mnt_3_more_than_a_page",
    "test_history_of_a_server_in_trouble", "test_tim_2_thousand_jobs",
)  # fmt: skip
