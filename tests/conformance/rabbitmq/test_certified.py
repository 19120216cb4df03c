"""RabbitMQ under the conformance suite, like any other backend."""

from anyjob.conformance import conformance_suite
from tests.conformance.rabbitmq.harness import RabbitHarness

TestRabbit = conformance_suite(RabbitHarness)
