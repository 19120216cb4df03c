"""A backend and a store seen as one backend: every emulation through the store is here."""

from anyjob.backends.paired.backend import PairedBackend
from anyjob.backends.paired.levels import gains

__all__ = ["PairedBackend", "gains"]
