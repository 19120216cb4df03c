"""RabbitMQ paired with Redis under the conformance suite."""

from anyjob.conformance import conformance_suite
from tests.conformance.paired.rabbit import RabbitRedisPair

TestRabbitRedisPair = conformance_suite(RabbitRedisPair)
