"""A part of the suite on the latest RabbitMQ; test_certified.py has all of it on the oldest that
will do.
"""

from __future__ import annotations

import shutil

import pytest

from anyjob.backends.rabbitmq.versions import numbers_of
from anyjob.conformance import run_property
from anyjob.conformance.scene import Scene
from tests.conformance.rabbitmq.harness import NewestHarness
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


@pytest.fixture(scope="module")
def harness() -> NewestHarness:
    if shutil.which(NEWEST) is None:
        pytest.skip(f"UNTESTED: there is no {NEWEST}; scripts/servers.sh says why")
    return NewestHarness()


@pytest.mark.parametrize("property_id", PROPERTIES)
def test_property_holds(harness: NewestHarness, property_id: str) -> None:
    run_property(property_id, harness)


def test_capabilities_name_the_product(harness: NewestHarness) -> None:
    with Scene(harness, None) as scene:
        assert scene.capabilities.product == "rabbitmq"
        assert numbers_of(scene.capabilities.version) >= (4, 3)
