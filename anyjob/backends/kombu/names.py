"""What the queues of a namespace are called at the broker: one name for each, and none for two.

A queue's or namespace's name holds letters, digits, '_', '.' and '-', so ':' separates them.
"""

from __future__ import annotations

import re

from anyjob.backends.bands import BANDS

#: A job's id.
JOB_ID = re.compile("[0-9A-Fa-f-]{36}")


class Names:
    """The names of one namespace; pure."""

    def __init__(self, namespace: str, bands: int) -> None:
        self.namespace = namespace
        #: The least priority of each band, highest first.
        self.floors = BANDS[bands]

    @property
    def index(self) -> str:
        """The exchange, or the stream, that tells which queues were declared."""
        # No ':', which kombu's filesystem transport takes in no exchange's name.
        return f"{self.namespace}.index"

    def band(self, queue: str, floor: int) -> str:
        """The queue of a band's ready jobs; by floor, so that other bands have other queues."""
        return f"{self.namespace}:{queue}:{floor}"

    def bands(self, queue: str) -> list[str]:
        """The queues of all bands, highest first."""
        return [self.band(queue, floor) for floor in self.floors]

    def ready(self, queue: str, priority: int) -> str:
        """The queue for a ready job of this priority."""
        return self.band(queue, next(floor for floor in self.floors if priority >= floor))

    def dead(self, queue: str) -> str:
        return f"{self.namespace}:{queue}:dead"
