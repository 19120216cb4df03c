"""A broker that takes in nothing for a while: told once, however often its connections come back
meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Alarm:
    """In the loop; `report` is told why, in the broker's words."""

    def __init__(self) -> None:
        self.report: Callable[[str], None] | None = None
        self._is_told = False

    def begin(self, frame: Any) -> None:
        """The broker says that it is blocked."""
        if not self._is_told and self.report is not None:
            self._is_told = True
            self.report(str(frame.method.reason))

    def end(self) -> None:
        """Something was taken in."""
        self._is_told = False
