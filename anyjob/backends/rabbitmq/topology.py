"""What stands in the broker for a queue: quorum queues for its bands and its dead, an exchange of
the namespace, the ladder for delays, and the stream of control.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from anyjob.backends.rabbitmq import ladder
from anyjob.backends.rabbitmq.names import LADDER, Names, as_word
from anyjob.backends.rabbitmq.talk import Missing, Talk

#: Out of reach: the worker's core buries what is lost too often. Unset, RabbitMQ 4 makes it 20.
_DELIVERIES = 1000
#: People look at the dead as often as they like. 3.10 takes -1, for none, and drops the message at
#: its first return.
_LOOKS = 10**9
_QUORUM: dict[str, Any] = {"x-queue-type": "quorum"}
#: What becomes dead is kept until the broker has it in its new place.
_SAFELY = {"x-dead-letter-strategy": "at-least-once", "x-overflow": "reject-publish"}
#: An exchange that is made last, so that it is there if the whole ladder is.
LADDER_MADE = f"{LADDER}:made"
#: Where a delayed message ends whose queue was deleted meanwhile. Without it the broker would keep
#: trying, and once it tries as many as it has on their way at once (32), nothing that is delayed
#: comes due any more in the whole virtual host.
UNROUTABLE = f"{LADDER}:unroutable"
#: The oldest go first.
_MOST_UNROUTABLE = 100_000


def declare_ladder(talk: Talk) -> None:
    """Make the levels, lowest first, as each leads to the one below."""
    _exchange(talk, UNROUTABLE, "fanout")
    _queue(talk, UNROUTABLE, _QUORUM | {"x-max-length": _MOST_UNROUTABLE})
    _bind(talk, UNROUTABLE, UNROUTABLE, "")
    _exchange(talk, ladder_exchange(-1), "topic", {"alternate-exchange": UNROUTABLE})
    for level in range(ladder.LEVELS):
        _exchange(talk, ladder_exchange(level), "topic")
    for level in range(ladder.LEVELS):
        name = f"{LADDER}:{level:02}"
        below = ladder_exchange(level - 1)
        arguments = (
            _QUORUM
            | _SAFELY
            | {
                "x-message-ttl": ladder.ttl_ms(level),
                "x-dead-letter-exchange": below,
            }
        )
        _queue(talk, name, arguments)
        _bind(talk, name, name, ladder.pattern(level, 1))
        _lead(talk, below, name, ladder.pattern(level, 0))
    _exchange(talk, LADDER_MADE, "direct")


def has_ladder(talk: Talk) -> bool:
    """Whether the whole ladder is there; if it is not, nothing else may be asked."""
    try:
        _look(talk, LADDER_MADE)
    except Missing:
        return False
    return True


def ladder_exchange(level: int) -> str:
    """Where messages come in that a level is to hold; -1 for those whose time has come."""
    return f"{LADDER}:{level:02}" if level >= 0 else f"{LADDER}:due"


def declare_namespace(talk: Talk, names: Names) -> int:
    """Returns how many entries the stream has; 0 also where its leader cannot be asked now
    (rabbit_stream_queue:stat/1).
    """
    _exchange(talk, names.exchange, "direct")
    entries = _queue(talk, names.control, {"x-queue-type": "stream"})
    _bind(talk, names.control, names.exchange, names.control)
    return entries


def declare_queues(talk: Talk, names: Names, queues: Iterable[str]) -> None:
    for queue in queues:
        dead = names.dead(queue)
        _queue(talk, dead, _QUORUM | {"x-delivery-limit": _LOOKS})
        _bind(talk, dead, names.exchange, dead)
        arguments = (
            _QUORUM
            | _SAFELY
            | {
                "x-delivery-limit": _DELIVERIES,
                "x-dead-letter-exchange": names.exchange,
                "x-dead-letter-routing-key": dead,
            }
        )
        for band in names.bands(queue):
            _queue(talk, band, arguments)
            _bind(talk, band, names.exchange, band)
            pattern = ladder.delivery_pattern(as_word(band))
            _bind(talk, band, ladder_exchange(-1), pattern)


def is_declared(talk: Talk, names: Names, queues: Iterable[str]) -> bool:
    """Whether all of it is there, which needs no right; if it is not, nothing else may be asked."""
    own = [name for queue in queues for name in (names.dead(queue), *names.bands(queue))]
    try:
        for exchange in (LADDER_MADE, names.exchange):
            _look(talk, exchange)
        for name in (names.control, *own):
            talk.count(name)
    except Missing:
        return False
    return True


def _look(talk: Talk, exchange: str) -> None:
    talk.do(lambda ch, told: ch.exchange_declare(exchange, passive=True, callback=told))


def _exchange(talk: Talk, name: str, kind: str, arguments: dict[str, Any] | None = None) -> None:
    talk.do(
        lambda ch, told: ch.exchange_declare(
            name, kind, durable=True, arguments=arguments, callback=told
        )
    )


def _queue(talk: Talk, name: str, arguments: dict[str, Any]) -> int:
    """Returns how many messages are ready in it."""
    frame = talk.do(
        lambda ch, told: ch.queue_declare(name, durable=True, arguments=arguments, callback=told)
    )
    return int(frame.method.message_count)


def _lead(talk: Talk, to: str, source: str, key: str) -> None:
    talk.do(lambda ch, told: ch.exchange_bind(to, source, routing_key=key, callback=told))


def _bind(talk: Talk, queue: str, exchange: str, key: str) -> None:
    talk.do(lambda ch, told: ch.queue_bind(queue, exchange, routing_key=key, callback=told))
