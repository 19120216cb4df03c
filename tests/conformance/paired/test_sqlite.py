"""A thin backend paired with a store, each in a file, under the conformance suite."""

from anyjob.conformance import conformance_suite
from tests.conformance.paired.harnesses import SQLitePair

TestSQLitePair = conformance_suite(SQLitePair)
