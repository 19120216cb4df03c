"""SQS's FIFO queues under the conformance suite, with the longer tier: they differ in little."""

from __future__ import annotations

import os

from anyjob.conformance import conformance_suite
from tests.conformance.sqs.harness import SQSFifoHarness

if os.environ.get("CERTIFY"):
    TestSQSFifo = conformance_suite(SQSFifoHarness)
