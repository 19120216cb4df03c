"""Backends and stores that are wrong on purpose, one defect each: what the suite has to catch."""
