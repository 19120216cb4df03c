"""Part of the suite on Valkey, and on a Redis that a sentinel names; `make certify` runs it all."""

import pytest

from anyjob.conformance import run_property
from anyjob.conformance.scene import Scene
from tests.conformance.redis.harness import RedisHarness, SentinelHarness, ValkeyHarness

#: The usual life of a job, and the quickest to show.
PROPERTIES = ["FET-2", "LSE-4", "SET-2", "TIM-1", "ORD-1", "DLQ-2", "KEY-1", "CLM-1"]


@pytest.mark.parametrize("property_id", PROPERTIES)
@pytest.mark.parametrize("harness", [ValkeyHarness, SentinelHarness])
def test_property_holds(harness: type[RedisHarness], property_id: str) -> None:
    run_property(property_id, harness())


@pytest.mark.parametrize(
    ("harness", "product"), [(ValkeyHarness, "valkey"), (SentinelHarness, "redis")]
)
def test_capabilities_name_the_product(harness: type[RedisHarness], product: str) -> None:
    with Scene(harness(), None) as scene:
        assert scene.capabilities.product == product
