"""Servers that the suite starts for itself, kills, freezes and starts again."""

from anyjob.conformance.servers.own_process import OwnProcess, Running

__all__ = ["OwnProcess", "Running"]
