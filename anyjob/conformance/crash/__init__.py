"""A client that dies at each of its requests."""

from anyjob.conformance.crash.enumerate import crash_points
from anyjob.conformance.crash.scenarios import Scenario

__all__ = ["Scenario", "crash_points"]
