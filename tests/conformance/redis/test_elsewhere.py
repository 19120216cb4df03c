"""Part of the suite on Valkey, behind a sentinel, on a Cluster; `make certify` runs all of it."""

import pytest

from anyjob.conformance import Harness, run_property
from anyjob.conformance.scene import Scene
from tests.conformance.redis.cluster_harness import ClusterHarness
from tests.conformance.redis.harness import SentinelHarness, ValkeyHarness

#: The usual life of a job, and the quickest to show.
PROPERTIES = ["FET-2", "LSE-2", "SET-2", "TIM-1", "ORD-1", "DLQ-2", "KEY-1", "CLM-1"]


@pytest.mark.parametrize("property_id", PROPERTIES)
@pytest.mark.parametrize("harness", [ValkeyHarness, SentinelHarness, ClusterHarness])
def test_property_holds(harness: type[Harness], property_id: str) -> None:
    run_property(property_id, harness())


@pytest.mark.parametrize(
    ("harness", "product"),
    [(ValkeyHarness, "valkey"), (SentinelHarness, "redis"), (ClusterHarness, "redis")],
)
def test_capabilities_name_the_product(harness: type[Harness], product: str) -> None:
    with Scene(harness(), None) as scene:
        assert scene.capabilities.product == product
