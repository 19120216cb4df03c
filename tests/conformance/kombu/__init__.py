"""The kombu backend under the conformance suite, by transport."""
