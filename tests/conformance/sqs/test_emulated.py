"""SQS under the conformance suite. On an emulator: that is stamped on it, and certifies nothing."""

from anyjob.conformance import conformance_suite
from tests.conformance.sqs.harness import SQSHarness

TestSQS = conformance_suite(SQSHarness)
