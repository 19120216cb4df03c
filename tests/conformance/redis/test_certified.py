"""Redis under the conformance suite, like any other backend and store."""

from anyjob.conformance import conformance_suite
from tests.conformance.redis.harness import RedisHarness

TestRedis = conformance_suite(RedisHarness)
