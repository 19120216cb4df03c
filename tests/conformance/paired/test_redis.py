"""A thin backend paired with a store, both on one server, under the conformance suite."""

from anyjob.conformance import conformance_suite
from tests.conformance.paired.harnesses import RedisPair

TestRedisPair = conformance_suite(RedisPair)
