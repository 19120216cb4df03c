"""Mutants that are written as a class around the sound backend, because no line of it would do."""
