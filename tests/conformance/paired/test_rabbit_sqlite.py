"""RabbitMQ paired with SQLite under the conformance suite."""

from anyjob.conformance import conformance_suite
from tests.conformance.paired.rabbit import RabbitSQLitePair

TestRabbitSQLitePair = conformance_suite(RabbitSQLitePair)
