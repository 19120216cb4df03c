"""The file that the command line lets pytest collect: the suite on the harness that was named."""

from anyjob.conformance.engine.child import harness_of_this_run
from anyjob.conformance.suite import conformance_suite

TestSuite = conformance_suite(harness_of_this_run())
