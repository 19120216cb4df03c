"""Jobs in the memory of one process: the reference of the contract.

For tests, development and workers that are embedded in a program.
"""

from anyjob.backends.memory.backend import MemoryBackend
from anyjob.backends.memory.store import MemoryStore

__all__ = ["MemoryBackend", "MemoryStore"]
