"""What the queues of a namespace can hold that no client of ours would leave there."""

from __future__ import annotations

from typing import Any

import pika
from pika.adapters.blocking_connection import BlockingChannel

from anyjob.backends.rabbitmq import ladder, topology
from anyjob.backends.rabbitmq.names import Names, as_word

QUEUE = "line"
_ID = "01890a5d-ac96-774b-bcce-b302099a8057"
#: By what each is: the properties of a message among the ready jobs.
_AMONG_READY: dict[str, dict[str, Any]] = {
    "somebody else's": {},
    "one of a newer client": {"type": "anyjob.2", "message_id": _ID, "headers": {"priority": 5}},
    "one without an id": {"type": "anyjob.1", "headers": {"priority": 5}},
    "one whose id is none": {"type": "anyjob.1", "message_id": "7"},
    "one whose record is none": {
        "type": "anyjob.1",
        "message_id": _ID,
        "headers": {"priority": "high", "attempts": -1, "redeliveries": [2], "note": {"a": 1}},
    },
}


def plant(channel: BlockingChannel, names: Names) -> list[str]:
    """Leave each of them once; returns a word for each."""
    band = names.ready(QUEUE, 5)
    for what, properties in _AMONG_READY.items():
        _publish(channel, names.exchange, band, what.encode(), **properties)
    _publish(channel, names.exchange, band, b"")
    _publish(channel, names.exchange, names.dead(QUEUE), b"a dead one of somebody else's")
    _publish(channel, names.exchange, names.control, b'{"what":"renamed","queue":7}')
    # One that waits for a queue which was deleted meanwhile.
    key = ladder.routing_key(1, as_word(names.band("deleted", 0)))
    _publish(channel, topology.ladder_exchange(0), key, b"late")
    return [
        *_AMONG_READY,
        "one without a body",
        "a dead one of somebody else's",
        "an entry of control that says nothing",
        "a delayed one for no queue",
    ]


def _publish(
    channel: BlockingChannel, exchange: str, key: str, body: bytes, **properties: Any
) -> None:
    channel.basic_publish(
        exchange, key, body, pika.BasicProperties(delivery_mode=2, **properties), mandatory=True
    )
