"""Concurrent histories: what many processes did and saw, and whether a backend may answer so."""

from anyjob.conformance.history.check import Verdict, Violation, check
from anyjob.conformance.history.record import History, Recorder, load, merge, save

__all__ = ["History", "Recorder", "Verdict", "Violation", "check", "load", "merge", "save"]
