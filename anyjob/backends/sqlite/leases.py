"""A lease as this backend gives it."""

from __future__ import annotations

from anyjob.core.settlement import Lease


class SQLiteLease(Lease, frozen=True, eq=False):
    """A lease that knows the row of its job."""

    seq: int = 0
