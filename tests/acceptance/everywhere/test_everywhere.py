"""The program at each place: the same outcomes, but for what the declared levels allow, which is
printed.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.acceptance.everywhere.conftest import DIFFERS
from tests.acceptance.everywhere.expected import differences
from tests.acceptance.everywhere.journey import Journey
from tests.acceptance.everywhere.places import PLACES
from tests.acceptance.everywhere.workplace import Workplace


@pytest.mark.parametrize("name", PLACES)
@pytest.mark.timeout(300)
def test_program_comes_to_the_same(
    name: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    with PLACES[name](tmp_path) as ready:
        workplace = Workplace(tmp_path, ready)
        try:
            came = Journey(workplace).run()
            allowed, wrong = differences(came, workplace.capabilities, ready)
        finally:
            workplace.close()

    for step, outcome in allowed.items():
        record_property(DIFFERS, f"{name}: {step}: {outcome}")
    assert not wrong
