"""What the things of a namespace are called in the broker: one name for each, and none for two.

A queue's or namespace's name holds letters, digits, '_', '.' and '-', so ':' separates them.
"""

from __future__ import annotations

import re

from anyjob.backends.bands import BANDS

#: Of what is declared: a change of its arguments needs another one, because a queue cannot change.
VERSION = "v1"
#: Shared by all namespaces of a virtual host: the queues in which delayed jobs wait.
LADDER = f"anyjob-delay:{VERSION}"


class Names:
    """The names of one namespace; pure."""

    def __init__(self, namespace: str, bands: int) -> None:
        self.namespace = namespace
        #: The least priority of each band, highest first.
        self.floors = BANDS[bands]

    @property
    def exchange(self) -> str:
        """Where ready and dead jobs are published, under the broker's name of their queue."""
        return f"{self.namespace}:{VERSION}"

    @property
    def control(self) -> str:
        """The stream of what was declared, paused and resumed."""
        return f"{self.namespace}:{VERSION}:control"

    def band(self, queue: str, floor: int) -> str:
        """The queue of a band's ready jobs; by floor, so that other bands have other queues."""
        return f"{self.namespace}:{queue}:{VERSION}:{floor}"

    def dead(self, queue: str) -> str:
        return f"{self.namespace}:{queue}:{VERSION}:dead"

    def bands(self, queue: str) -> list[str]:
        """The queues of all bands, highest first."""
        return [self.band(queue, floor) for floor in self.floors]

    def ready(self, queue: str, priority: int) -> str:
        """The queue for a ready job of this priority."""
        return self.band(queue, self.floor(priority))

    def floor(self, priority: int) -> int:
        return next(floor for floor in self.floors if priority >= floor)


def as_word(name: str) -> str:
    """A broker's name as one word of a routing key, in which dots separate words.

    No two names have one word: a dot becomes two colons, and a single one separates.
    """
    return name.replace(".", "::")


#: A job's id, as `message_id`.
JOB_ID = re.compile("[0-9A-Fa-f-]{36}")
