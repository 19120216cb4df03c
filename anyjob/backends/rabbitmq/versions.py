"""What depends on which RabbitMQ it is."""

from __future__ import annotations

from anyjob.backends.rabbitmq.url import Location

#: Where a consumer may say how long it keeps a delivery.
_OWN_TIMEOUT = (3, 12)


def numbers_of(version: str) -> tuple[int, ...]:
    """The first two numbers of a version; (0,) for what is none."""
    parts = version.split(".")[:2]
    return tuple(map(int, parts)) if all(map(str.isdecimal, parts)) else (0,)


def consumer_arguments(version: str, location: Location) -> dict[str, int]:
    """What a consumer is asked for with: from 3.12 on its own timeout, which goes before those of
    its queue and of the broker (consumer_timeouts.md of rabbitmq-server, "Precedence").
    """
    if numbers_of(version) < _OWN_TIMEOUT or location.consumer_timeout is None:
        return {}
    return {"x-consumer-timeout": int(1000 * location.consumer_timeout)}
