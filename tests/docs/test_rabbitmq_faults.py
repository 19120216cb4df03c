"""The page of a RabbitMQ broker's faults names tests that exist and are run on RabbitMQ."""

import re
from pathlib import Path

import pytest

from anyjob.conformance import backend_properties
from anyjob.core.events import EVENTS
from tests.acceptance.test_rabbitmq import SHARED
from tests.docs.test_redis_faults import names_in

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reference" / "rabbitmq-faults.md").read_text()
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.splitlines()
    if re.match(r"\| [FB]\d+", line)
]
#: Every row of the catalogue that the page owes.
OWED = {
    *(f"F{number}" for number in (1, 2, 12, 13, 15, 16, 17, 19, 24, 25, 26, 27)),
    *(f"B{number}" for number in (1, 2, 15, 16, 28)),
}
CERTIFY = names_in("tests/acceptance", "test_rabbitmq_nightly_*.py")
QUICK = (
    {scenario.__name__ for scenario in SHARED}
    | names_in("tests/acceptance", "test_rabbitmq*.py")
    | names_in("tests/unit/backends/rabbitmq", "test_*.py")
) - CERTIFY


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]} {row[1]}")
def test_row_names_tests_that_are_run_on_rabbitmq(row: list[str]) -> None:
    _, _, _, quick, nightly = row
    properties = set(re.findall(r"\b[A-Z]{3}-\d+\b", quick))
    tests, long_ones = set(re.findall(r"`(\w+)`", quick)), set(re.findall(r"`(\w+)`", nightly))

    assert tests | properties | long_ones
    assert tests <= QUICK
    assert long_ones <= CERTIFY
    # tests/conformance/rabbitmq/test_certified.py runs all of the suite.
    assert all(backend_properties()[name].waits_for is None for name in properties)


def test_no_fault_is_left_out() -> None:
    assert {name for row in ROWS for name in row[0].split(", ")} == OWED


def test_every_long_test_is_named() -> None:
    assert {name for row in ROWS for name in re.findall(r"`(\w+)`", row[4])} == CERTIFY


def test_events_of_the_page_exist() -> None:
    assert set(re.findall(r"`((?:job|lease|backend|store)\.\w+)`", PAGE)) <= set(EVENTS)
