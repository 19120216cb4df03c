"""A part of the suite on RabbitMQ; `anyjob conformance` runs all of it, on
`tests.conformance.rabbitmq.harness:RabbitHarness`.
"""

import pytest

from anyjob.conformance import run_property
from anyjob.conformance.scene import Scene
from tests.conformance.rabbitmq.harness import RabbitHarness

#: The usual life of a job, what a connection lease is, and what has to be refused.
PROPERTIES = [
    "ENQ-1",
    "ENQ-9",
    "FET-2",
    "FET-5",
    "LSE-7",
    "LSE-5",
    "SET-2",
    "SET-3",
    "TIM-1",
    "ORD-1",
    "DLQ-2",
    "DLQ-5",
    "CAP-1",
]


@pytest.fixture(scope="module")
def harness() -> RabbitHarness:
    return RabbitHarness()


@pytest.mark.parametrize("property_id", PROPERTIES)
def test_property_holds(harness: RabbitHarness, property_id: str) -> None:
    run_property(property_id, harness)


def test_capabilities_name_the_product(harness: RabbitHarness) -> None:
    with Scene(harness, None) as scene:
        assert (scene.capabilities.product, scene.capabilities.version) == ("rabbitmq", "3.10.8")
