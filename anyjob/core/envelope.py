"""What crosses the seam when jobs are stored: envelopes in, receipts out."""

from __future__ import annotations

from datetime import datetime

import msgspec

#: Priorities are 0 to 9, higher first.
PRIORITIES = 10
DEFAULT_PRIORITY = 5
#: Bytes of UTF-8.
MAX_UNIQUE_KEY = 1024


class Unique(msgspec.Struct, frozen=True, gc=False):
    """A key that at most one unfinished job of a queue holds."""

    #: 1 to 1024 bytes as UTF-8; any character, NUL included.
    key: str
    #: Seconds after which the key is free whatever its job does; None: as long as the job is
    #: unfinished.
    ttl: float | None = None


class Envelope(msgspec.Struct, frozen=True, gc=False):
    """What never changes of a job, as its backend sees it."""

    #: A UUID in canonical text.
    id: str
    queue: str
    body: bytes
    #: 0 to 9, higher first.
    priority: int = DEFAULT_PRIORITY
    #: When the job becomes ready: None now, seconds from now by the backend's clock, or an aware
    #: instant.
    due: float | datetime | None = None
    unique: Unique | None = None

    def __repr__(self) -> str:
        # No payload in a log line or a traceback.
        return f"<Envelope {self.id} in {self.queue}, {len(self.body)} bytes>"


class Accepted(msgspec.Struct, frozen=True, gc=False):
    """The job is stored at the declared durability."""


class Duplicate(msgspec.Struct, frozen=True, gc=False):
    """Nothing was stored: the id was stored before, or a living job holds the unique key."""

    #: The job that is there already; equal to the envelope's own id after a resend.
    id: str


class Rejected(msgspec.Struct, frozen=True, gc=False):
    """Nothing was stored, and why."""

    why: str


Receipt = Accepted | Duplicate | Rejected

ACCEPTED = Accepted()
