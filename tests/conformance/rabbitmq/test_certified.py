"""RabbitMQ under the conformance suite, like any other backend."""

from anyjob.conformance import conformance_suite
from anyjob.conformance.scene import Scene
from tests.conformance.rabbitmq.harness import RabbitHarness

TestRabbitMQ = conformance_suite(RabbitHarness)


def test_capabilities_name_the_product() -> None:
    with Scene(RabbitHarness(), None) as scene:
        assert (scene.capabilities.product, scene.capabilities.version) == ("rabbitmq", "3.10.8")
