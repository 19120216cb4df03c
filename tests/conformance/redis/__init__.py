"""The Redis backend and store under the conformance suite."""
