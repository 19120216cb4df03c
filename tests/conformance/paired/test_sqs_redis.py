"""SQS, emulated, paired with Redis under the conformance suite."""

from anyjob.conformance import conformance_suite
from tests.conformance.paired.sqs import SQSRedisPair

TestSQSRedisPair = conformance_suite(SQSRedisPair)
