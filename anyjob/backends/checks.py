"""What backends and stores check alike in what they are asked, before any effect."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence

from anyjob.core.backend import QueueShare
from anyjob.core.errors import InvalidOption, PayloadTooLarge
from anyjob.core.names import checked_name
from anyjob.core.seam import check_count, check_seconds, check_text
from anyjob.core.store import MAX_KEY, ClaimRequest, Put


def check_shares(shares: Sequence[QueueShare]) -> None:
    """Raise InvalidOption or ConfigurationError unless a consumer may have these queues."""
    if not shares:
        raise InvalidOption("expected at least one queue to consume, got none")
    names = [checked_name(share.queue, "a queue's name") for share in shares]
    if len(set(names)) < len(names):
        raise InvalidOption(f"expected each queue once, got {', '.join(names)}")
    for share in shares:
        check_count(share.weight, f"the weight of queue {share.queue!r}", 1_000_000)


def check_edit(edit: Mapping[str, bytes], max_payload: int) -> None:
    """Raise InvalidOption or PayloadTooLarge unless these bodies may replace others."""
    for body in edit.values():
        if type(body) is not bytes:
            raise InvalidOption(f"expected a body to be bytes, got {type(body).__name__}")
        if len(body) > max_payload:
            raise PayloadTooLarge(
                f"expected a job of at most {max_payload} bytes, got {len(body)};"
                " send a reference instead"
            )


def check_batch(items: Collection[object], most: int) -> None:
    """Raise InvalidOption for more items than one call may have."""
    if len(items) > most:
        raise InvalidOption(
            f"expected at most {most} items in one call, got {len(items)}; split them"
        )


def check_keys(keys: Sequence[str]) -> None:
    """Raise InvalidOption unless each is a legal key of a store."""
    for key in keys:
        try:
            size = len(key) if key.isascii() else len(key.encode())
        except UnicodeEncodeError as error:
            raise InvalidOption("expected a key to be text that UTF-8 can write") from error
        if not 1 <= size <= MAX_KEY:
            raise InvalidOption(f"expected a key of 1 to {MAX_KEY} bytes as UTF-8, got {size}")


def check_claims(claims: Sequence[ClaimRequest]) -> None:
    """Raise InvalidOption unless somebody may own each for its time; keys are checked apart."""
    for claim in claims:
        check_text(claim.owner, "an owner")
        check_seconds(claim.ttl, "the ttl of a claim", zero=False)


def check_value(value: bytes, max_value: int) -> None:
    """Raise InvalidOption or PayloadTooLarge unless a store may hold it."""
    if type(value) is not bytes:
        raise InvalidOption(f"expected a value to be bytes, got {type(value).__name__}")
    if len(value) > max_value:
        raise PayloadTooLarge(f"expected a value of at most {max_value} bytes, got {len(value)}")


def check_put(put: Put, max_value: int) -> None:
    """Raise InvalidOption or PayloadTooLarge unless the put says one thing."""
    check_value(put.value, max_value)
    if put.ttl is not None:
        check_seconds(put.ttl, "a ttl", zero=False)
    if put.if_absent and put.if_version is not None:
        raise InvalidOption("expected at most one of if_absent and if_version, got both")


def check_instant(due: float) -> None:
    """Raise InvalidOption unless `due` can be a time in seconds since the epoch."""
    if not isinstance(due, int | float) or not math.isfinite(due):
        raise InvalidOption(f"expected due to be seconds since the epoch, got {due!r}")


def check_size(name: str, size: int) -> None:
    """Raise InvalidOption unless a set may have so many members."""
    if type(size) is not int or size < 0:
        raise InvalidOption(f"expected the size of set {name!r} to be an int >= 0, got {size!r}")
