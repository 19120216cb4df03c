"""How a queue's SQS queues are called: one name for each, whatever the namespace and the queue.

SQS takes 1 to 80 letters, digits, '-' and '_' (AWS, quotas related to queues). What else our names
may have, and '_' itself, becomes '_' and two lower-case hex digits, so that '__' can stand between
namespace and queue, and '_HIGH', '_LOW' and '_DEAD' behind them, without ever being part of a name.
"""

from __future__ import annotations

import re
from hashlib import blake2b

from anyjob.core.envelope import DEFAULT_PRIORITY

#: The bands of priorities that a queue has an SQS queue for each, highest first, and that of the
#: dead; by what their names end with.
HIGH, PLAIN, LOW, DEAD = "_HIGH", "", "_LOW", "_DEAD"
BANDS = (HIGH, PLAIN, LOW)
#: "The name of a FIFO queue must end with the .fifo suffix." (AWS, "Amazon SQS FIFO queue quotas").
FIFO = ".fifo"
#: The lowest priority of the higher bands.
_LEAST_HIGH, _LEAST_PLAIN = 7, 4
#: What is said of a job of somebody else's, by the band it came in.
PRIORITY_OF_FOREIGNERS = {HIGH: 9, PLAIN: DEFAULT_PRIORITY, LOW: 0}

#: Leaves room for a band and '.fifo' within the 80 characters.
_LONGEST = 70
_KEPT = 40
_ESCAPED = re.compile(r"[^A-Za-z0-9-]")
_ESCAPE = re.compile(r"_([0-9a-f]{2})")
_HASHED = re.compile(r".*_X[0-9a-f]{28}")


def band_of(priority: int) -> str:
    """The band that a job of this priority waits in."""
    if priority >= _LEAST_HIGH:
        return HIGH
    return PLAIN if priority >= _LEAST_PLAIN else LOW


def sqs_name(namespace: str, queue: str, band: str, *, fifo: bool = False) -> str:
    """The name of the SQS queue of a band."""
    name = f"{_escaped(namespace)}__{_escaped(queue)}"
    if len(name) > _LONGEST:
        # Long ones keep their beginning, to be read, and are told apart by a hash.
        name = f"{name[:_KEPT]}_X{blake2b(name.encode(), digest_size=14).hexdigest()}"
    return name + band + (FIFO if fifo else "")


def prefix_of(namespace: str) -> str:
    """How the names of all its SQS queues begin; those of others may, too."""
    return f"{_escaped(namespace)}__"[:_KEPT]


def queue_of(namespace: str, name: str, *, fifo: bool = False) -> str | None:
    """The queue whose plain band has this name; "" if a hash hides it, None if it is none of the
    namespace's, or of the other kind.
    """
    if name.endswith(FIFO) is not fifo:
        return None
    name = name.removesuffix(FIFO)
    if _HASHED.fullmatch(name):
        return ""
    begin = f"{_escaped(namespace)}__"
    rest = name.removeprefix(begin)
    if not name.startswith(begin) or "__" in rest or re.search("_[A-Z]", rest):
        return None
    return _ESCAPE.sub(lambda found: chr(int(found[1], 16)), rest)


def _escaped(name: str) -> str:
    return _ESCAPED.sub(lambda found: f"_{ord(found[0]):02x}", name)
