"""A part of the suite on the oldest RabbitMQ that will do, and on the latest; `anyjob conformance`
runs all of it, on `tests.conformance.rabbitmq.harness:RabbitHarness`.
"""

from __future__ import annotations

import shutil

import pytest

from anyjob.backends.rabbitmq.versions import numbers_of
from anyjob.conformance import run_property
from anyjob.conformance.scene import Scene
from tests.conformance.rabbitmq.harness import NewestHarness, RabbitHarness
from tests.conformance.rabbitmq.server import NEWEST

#: The usual life of a job, what a connection lease is, and what has to be refused.
PROPERTIES = [
    "ENQ-1",
    "ENQ-9",
    "FET-2",
    "FET-5",
    "LSE-7",
    "LSE-5",
    "LSE-8",
    "SET-2",
    "SET-3",
    "TIM-1",
    "ORD-1",
    "DLQ-2",
    "DLQ-5",
    "CAP-1",
    "CRS-5",
]


@pytest.fixture(
    scope="module", params=[RabbitHarness, NewestHarness], ids=lambda kind: kind.program
)
def harness(request: pytest.FixtureRequest) -> RabbitHarness:
    made: RabbitHarness = request.param()
    if made.program == NEWEST and shutil.which(NEWEST) is None:
        pytest.skip(f"UNTESTED: there is no {NEWEST}; scripts/servers.sh says why")
    return made


@pytest.mark.parametrize("property_id", PROPERTIES)
def test_property_holds(harness: RabbitHarness, property_id: str) -> None:
    run_property(property_id, harness)


def test_capabilities_name_the_product(harness: RabbitHarness) -> None:
    with Scene(harness, None) as scene:
        assert scene.capabilities.product == "rabbitmq"
        found = numbers_of(scene.capabilities.version)
    # What the servers' script promises.
    assert (3, 10) <= found < (4, 3) if harness.program != NEWEST else found >= (4, 3)
