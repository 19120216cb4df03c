"""How a line of a backend's copy is replaced."""

from __future__ import annotations

import pytest

import anyjob.backends.memory
from tests.conformance.zoo.planting import Edit, planted

COUNTED = "job.redeliveries += 1"


def test_copy_has_the_edit_and_the_original_has_not() -> None:
    copy = planted(
        "anyjob.backends.memory", [Edit("queue.py", "DEDUP_WINDOW = 60.0", "DEDUP_WINDOW = 7.0")]
    )

    assert copy.MemoryBackend.capabilities.dedup_window == 7.0
    assert anyjob.backends.memory.MemoryBackend.capabilities.dedup_window == 60.0


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (Edit("queue.py", "no such line", ""), "stands in queue.py 0 times, not once"),
        (Edit("queue.py", "self", ""), "not once; mend the mutant"),
        (Edit("quue.py", COUNTED, ""), "nobody imports 'quue.py'"),
    ],
)
def test_edit_that_fits_nowhere_is_refused(edit: Edit, message: str) -> None:
    with pytest.raises(LookupError, match=message):
        planted("anyjob.backends.memory", [edit])
