"""What this process has running and open, to see whether anything stays."""

from __future__ import annotations

import threading
from pathlib import Path

#: Where the system lists a process's descriptors.
_LISTINGS = (Path("/proc/self/fd"), Path("/dev/fd"))


def threads_now() -> set[int]:
    """The live threads, by number."""
    return {thread.ident for thread in threading.enumerate() if thread.ident is not None}


def open_files() -> set[str]:
    """The open descriptors and what they lead to; empty where the system does not tell."""
    listing = next((each for each in _LISTINGS if each.is_dir()), None)
    if listing is None:
        return set()
    found = ((link.name, _target(link)) for link in list(listing.iterdir()))
    return {f"{name} -> {target}" for name, target in found if target is not None}


def _target(link: Path) -> Path | None:
    """What a descriptor leads to; None once it is closed, as that of the listing itself is."""
    try:
        return link.readlink()
    except OSError:
        return None
