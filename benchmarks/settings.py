"""How long and how often each side runs."""

from __future__ import annotations

from pathlib import Path

import msgspec


class Settings(msgspec.Struct, frozen=True):
    """One run of the benchmarks."""

    #: A short run shows that a measurement works; its figures are not kept.
    is_quick: bool
    #: Where databases are made: the file system under test.
    folder: Path

    @property
    def rounds(self) -> int:
        """How many times each side runs, in turn with the others."""
        return 1 if self.is_quick else 5

    @property
    def seconds(self) -> float:
        """How long each side runs at least in a round."""
        return 1.0 if self.is_quick else 5.0
