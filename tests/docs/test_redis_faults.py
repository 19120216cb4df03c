"""The page of a Redis server's faults names tests that exist and are run on Redis."""

import ast
import re
from pathlib import Path

import pytest

from anyjob.conformance import backend_properties
from anyjob.core.events import EVENTS
from tests.acceptance.test_redis import SHARED

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reference" / "redis-faults.md").read_text()
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.splitlines()
    if re.match(r"\| [FB]\d+", line)
]
NIGHTLY = "test_redis_nightly_*.py"
#: Every row of the catalogue that the page owes.
OWED = {
    *(f"F{number}" for number in (1, 2, 3, 4, 5, 6, 8, 12, 13, 15, 16, 17, 18, 19, 20, 21)),
    *(f"F{number}" for number in (22, 33, 35)),
    *(f"B{number}" for number in (1, 2, 5, 7, 8, 9, 16, 17, 23, 25, 29)),
}


def names_in(folder: str, pattern: str) -> set[str]:
    trees = [ast.parse(path.read_text()) for path in (ROOT / folder).glob(pattern)]
    return {
        node.name
        for tree in trees
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


CERTIFY = names_in("tests/acceptance", NIGHTLY)
QUICK = (
    {scenario.__name__ for scenario in SHARED}
    | names_in("tests/acceptance", "test_redis*.py")
    | names_in("tests/unit/backends/redis", "test_*.py")
    | names_in("tests/conformance/redis", "test_*.py")
) - CERTIFY


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]} {row[1]}")
def test_row_names_tests_that_are_run_on_redis(row: list[str]) -> None:
    _, _, _, quick, nightly = row
    properties = set(re.findall(r"\b[A-Z]{3}-\d+\b", quick))
    tests, long_ones = set(re.findall(r"`(\w+)`", quick)), set(re.findall(r"`(\w+)`", nightly))

    assert tests | properties | long_ones
    assert tests <= QUICK
    assert long_ones <= CERTIFY
    assert all(backend_properties()[name].waits_for is None for name in properties)


def test_no_fault_is_left_out() -> None:
    assert {name for row in ROWS for name in row[0].split(", ")} == OWED


def test_every_long_test_is_named() -> None:
    named = {name for row in ROWS for name in re.findall(r"`(\w+)`", row[4])}

    assert named == CERTIFY


def test_events_of_the_page_exist() -> None:
    told = set(re.findall(r"`((?:job|lease|backend|store)\.\w+)`", PAGE))

    assert told <= set(EVENTS)
