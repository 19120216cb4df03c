"""Delays of any length out of queues that know one length each.

Level k holds a message for 2**k units and hands it to the level below; a delay is a sum of levels,
as NServiceBus and Celery build it. Pure.
"""

from __future__ import annotations

import math

#: Seconds that the lowest level holds a message.
UNIT = 0.25
LEVELS = 24
_BEYOND = 1 << LEVELS
#: Seconds of the longest delay: 48 days.
LONGEST = (_BEYOND - 1) * UNIT
#: A delay may come out longer by this part of it, and by so many seconds, for fewer hops.
ROUNDED, MOST_ROUNDED = 0.01, 1.0


def units(delay: float) -> int:
    """How many units a delay of more than 0 and at most LONGEST seconds takes: never shorter, and
    longer than one unit more by MOST_ROUNDED at most.
    """
    least = min(math.ceil(delay / UNIT), _BEYOND - 1)
    most = least + int(min(ROUNDED * delay, MOST_ROUNDED) / UNIT)
    chosen = least
    while (rounder := chosen + (chosen & -chosen)) <= most:
        chosen = rounder
    # One at the very top has no level; below, each bit less is a hop less.
    return chosen if chosen < _BEYOND else least


def routing_key(count: int, address: str) -> str:
    """The key that leads through the levels of `count` units to the word `address`."""
    return f"{'.'.join(f'{count:0{LEVELS}b}')}.{address}"


def entry(count: int) -> int:
    """The level at which a message of so many units, at least 1, comes in."""
    return count.bit_length() - 1


def pattern(level: int, bit: int) -> str:
    """What the keys match that have this bit at this level."""
    return f"{'*.' * (LEVELS - 1 - level)}{bit}.#"


def delivery_pattern(address: str) -> str:
    """What the keys match that lead to this word."""
    return f"{'*.' * LEVELS}{address}"


def ttl_ms(level: int) -> int:
    """How long a level holds a message."""
    return int(2**level * UNIT * 1000)
