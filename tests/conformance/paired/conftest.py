"""What of the suite runs on the pairs for each push.

A pair is the same code on every backend and store, and all of the suite proves it on memory, where
no look takes time. On the others a push shows what they alone can: wires that are cut, processes
that die, files. All of it runs there with CERTIFY=1; without it, other properties have no verdict
there. On a real broker, one example of each thing that the store gives and of each wire; all of the
suite is run there by the command, which knows what cannot be tried in real time.
"""

from __future__ import annotations

import os

import pytest

#: What is cut and killed, and what two places have to agree on.
_TWO_PLACES = ("test_crs_", "test_enq_", "test_unq_", "test_set_", "test_adm_4_", "test_dlq_3_")
#: One example of each thing that the store gives, and of each wire that is cut.
_GIVEN = (
    "test_enq_1_", "test_enq_4_id_sent_again_makes_one", "test_enq_4_same_ids_sent",
    "test_unq_1_", "test_unq_3_key_whose", "test_set_1_completion", "test_set_8_ended_job",
    "test_adm_4_cancelled_job_is_never", "test_tim_1_", "test_crs_9_", "test_cap_1_",
)  # fmt: skip
_ALWAYS: dict[str, tuple[str, ...]] = {"test_rabbit_redis.py": _GIVEN}
_QUICKLY: dict[str, tuple[str, ...]] = {
    "test_sqlite.py": _TWO_PLACES,
    "test_redis.py": (*_TWO_PLACES, "test_fet_1_two", "test_fet_4_job_whose", "test_lse_4_"),
}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    chosen = _ALWAYS if os.environ.get("CERTIFY") else _ALWAYS | _QUICKLY
    left = [item for item in items if _is_left(item, chosen)]
    if left:
        items[:] = [item for item in items if item not in left]
        config.hook.pytest_deselected(items=left)


def _is_left(item: pytest.Item, chosen: dict[str, tuple[str, ...]]) -> bool:
    if item.path.parent.name != "paired" or item.path.name not in chosen:
        return False
    return not item.name.startswith(chosen[item.path.name])
