"""Where jobs or entries lie, where the URL does not say it all."""

from __future__ import annotations

import msgspec


class Place(msgspec.Struct, frozen=True):
    """What a backend or store would open, as people find it."""

    #: Such as the absolute path of a file.
    text: str
    #: Whether it is there; if not, `open` makes it.
    exists: bool
