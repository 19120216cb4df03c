"""The store contract: what remembers state beside the jobs.

Batch-first, atomic per item, on the store's own clock. The rules at the head of `core.backend` hold
here too. A key is 1 to 512 bytes of UTF-8, any character; a value at most `max_value` bytes.
Versions and fencing numbers only ever grow for a key, also over its deletion, expiry and
re-creation.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from anyjob.core.clock import Clock

if TYPE_CHECKING:
    from anyjob.core.place import Place

MAX_KEY = 512


class StoreCapabilities(msgspec.Struct, frozen=True, kw_only=True):
    """What an opened store declares. Times in seconds, sizes in bytes."""

    product: str
    version: str
    emulator: bool = False
    durability: str
    #: Who shares the state: "process", "host" or "network", as for a backend.
    reach: str = "network"
    max_value: int
    max_batch: int
    resolution: float


class Entry(msgspec.Struct, frozen=True):
    """A stored value and its version."""

    value: bytes
    version: int


class Put(msgspec.Struct, frozen=True):
    """A value to write, by at most one of `if_version` and `if_absent`; `ttl` None is for ever."""

    key: str
    value: bytes
    ttl: float | None = None
    if_version: int | None = None
    if_absent: bool = False


class Delete(msgspec.Struct, frozen=True):
    """A key to remove, whatever its version unless `if_version` is given."""

    key: str
    if_version: int | None = None


class Written(msgspec.Struct, frozen=True):
    """What became of a put or delete: whether it was done, and the version there is now (None: no
    such key).
    """

    done: bool
    version: int | None


class ClaimRequest(msgspec.Struct, frozen=True):
    """A wish to own `key` for `ttl` seconds as `owner`; the present owner's wish renews."""

    key: str
    owner: str
    ttl: float


class Claim(msgspec.Struct, frozen=True):
    """Who owns a key now. `granted` if it is the one who asked."""

    granted: bool
    owner: str
    #: Grows with every new ownership of the key.
    fence: int
    #: Seconds that are left of it.
    left: float


class Member(msgspec.Struct, frozen=True):
    """One ordinal, counted from 0, of a set."""

    set: str
    ordinal: int


class MemberSettled(msgspec.Struct, frozen=True):
    """Whether this call was the first for the member, and how many are left open."""

    changed: bool
    remaining: int


class Due(msgspec.Struct, frozen=True):
    """An entry of a schedule set, leased to who took it until `token` is no longer the newest."""

    set: str
    id: str
    due: float
    value: bytes
    token: int


class Point(msgspec.Struct, frozen=True):
    """One entry of a series; `at` in seconds since the epoch, `sequence` tells equals apart."""

    at: float
    sequence: int
    value: bytes


class Store(ABC):
    """Remembers state beside the jobs."""

    #: Known once `open()` returned.
    capabilities: StoreCapabilities

    def __init__(self, url: str, *, namespace: str = "anyjob", clock: Clock | None = None) -> None:
        """Remember where the state is; touches nothing."""

    @abstractmethod
    def open(self) -> None:
        """Connect; idempotent."""

    @abstractmethod
    def close(self) -> None:
        """Give everything back; idempotent and bounded."""

    @abstractmethod
    def get(self, keys: Sequence[str]) -> list[Entry | None]:
        """Read values, in order; None for what is absent or past its ttl."""

    @abstractmethod
    def put(self, puts: Sequence[Put]) -> list[Written]:
        """Write values, in order; of several conditional writers of one version exactly one is
        done.

        Raises PayloadTooLarge or InvalidOption before any effect.
        """

    @abstractmethod
    def delete(self, deletes: Sequence[Delete]) -> list[Written]:
        """Remove values, in order; removing what is absent is done unless it asks for a version."""

    @abstractmethod
    def claim(self, claims: Sequence[ClaimRequest]) -> list[Claim]:
        """Own keys for a time: one live owner each; the same owner renews under its fence."""

    @abstractmethod
    def unclaim(self, claims: Sequence[tuple[str, int]]) -> list[bool]:
        """Give up (key, fence) pairs; False and no effect where that ownership is over."""

    @abstractmethod
    def create_sets(self, sets: Sequence[tuple[str, int]]) -> list[bool]:
        """Make sets of so many members, all open; False where one of that name exists."""

    @abstractmethod
    def settle_members(self, members: Sequence[Member]) -> list[MemberSettled]:
        """Close members, each counted once; raises InvalidOption for an unknown set or ordinal,
        before any effect.
        """

    @abstractmethod
    def increment(self, amounts: Sequence[tuple[str, int]]) -> list[int]:
        """Add to counters that begin at 0, in order, and return their new values."""

    @abstractmethod
    def schedule(self, entries: Sequence[tuple[str, str, float, bytes]]) -> list[bool]:
        """Add (set, id, due, value) entries, due in epoch seconds; False where that id is in the
        set already.
        """

    @abstractmethod
    def take_due(self, set: str, limit: int, lease: float) -> list[Due]:
        """Lease entries whose time has come, oldest first, at most `limit`, for `lease` seconds."""

    @abstractmethod
    def settle_due(self, taken: Sequence[Due]) -> list[bool]:
        """Remove taken entries; False and no effect where the lease was lost."""

    @abstractmethod
    def unschedule(self, entries: Sequence[tuple[str, str]]) -> list[bool]:
        """Remove (set, id) entries that nobody holds; False where there is none."""

    @abstractmethod
    def append(self, points: Sequence[tuple[str, bytes]], keep: float) -> None:
        """Append (series, value) at the store's now; points older than `keep` seconds may be
        dropped.
        """

    @abstractmethod
    def series(self, name: str, after: tuple[float, int] | None, limit: int) -> list[Point]:
        """Read a series in time order, after the (at, sequence) of the last point read."""

    @abstractmethod
    def maintain(self, budget: float) -> float:
        """Sweep what is past its time, for about `budget` seconds; returns when it wants to be
        called again.
        """

    def place(self) -> Place | None:
        """Where the entries lie, as `Backend.place`."""
        return None
