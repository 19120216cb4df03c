"""What a broker says of itself, and what follows from it."""

from __future__ import annotations

from collections.abc import Iterator

from anyjob.backends.rabbitmq import ladder
from anyjob.backends.rabbitmq.line import MOST_AHEAD
from anyjob.backends.rabbitmq.url import Location
from anyjob.backends.rabbitmq.versions import consumer_arguments, numbers_of
from anyjob.core.backend import Finding
from anyjob.core.capabilities import Capabilities
from anyjob.core.errors import ConfigurationError

MAX_BATCH = 1000
MAX_PAYLOAD = 16 * 1024 * 1024
_OLDEST = (3, 10)


def check_fit(product: str, version: str, location: Location) -> None:
    """Raise ConfigurationError unless jobs may be kept there."""
    if product != "RabbitMQ":
        raise ConfigurationError(
            f"{location.shown} is {product or 'a broker that does not say which'}, and anyjob's"
            " amqp:// backend is for RabbitMQ; use another backend"
        )
    if numbers_of(version) < _OLDEST:
        raise ConfigurationError(
            f"{location.shown} is RabbitMQ {version or 'of an unknown version'}, and anyjob needs"
            f" {_OLDEST[0]}.{_OLDEST[1]} or later; upgrade it, or use another backend"
        )


def capabilities_of(version: str, location: Location) -> Capabilities:
    """What a backend on such a broker declares."""
    return Capabilities(
        product="rabbitmq",
        version=version,
        lease="connection",
        max_lease=location.consumer_timeout,
        fencing="local",
        durability="os",
        failover="lossless",
        dedup="none",
        dedup_window=0.0,
        atomic_batch=False,
        max_batch=MAX_BATCH,
        atomic_children=False,
        transaction=False,
        delay="emulated",
        resolution=ladder.UNIT,
        max_delay=ladder.LONGEST,
        schedule_lag=ladder.MOST_ROUNDED + 0.5,
        priorities=location.bands,
        low_share="emulated",
        order="fifo",
        redeliveries="upper",
        release="count",
        dead="emulated",
        counts="ready",
        browse="dead",
        results="none",
        cancel="none",
        unique="none",
        pause="emulated",
        wait="push",
        wakeup_lag=0.05,
        visibility_lag=0.05,
        redelivery_lag=0.5,
        prefetch=MOST_AHEAD * location.bands,
        max_payload=MAX_PAYLOAD,
        clock="client",
    )


def findings(version: str, location: Location) -> list[Finding]:
    """Every weakness of an installation."""
    return [*_store(), *_door(location), *_timeout(version, location)]


def _store() -> Iterator[Finding]:
    yield Finding(
        id="rabbitmq-no-dedup",
        severity="info",
        seen="no store beside the broker",
        why="an enqueue that is sent again after a lost answer may run a job twice, and nothing"
        " waiting can be looked up or cancelled",
        fix="make tasks idempotent",
    )


def _door(location: Location) -> Iterator[Finding]:
    is_local = all(host in ("localhost", "127.0.0.1", "::1") for host, _ in location.hosts)
    if not location.tls and not is_local:
        yield Finding(
            id="rabbitmq-no-tls",
            severity="warning",
            seen="amqp:// to another host",
            why="whoever is on the way reads the password and every job",
            fix="use amqps://",
        )
    if location.user == "guest" and not is_local:
        yield Finding(
            id="rabbitmq-guest",
            severity="warning",
            seen="the user guest",
            why="its password is known to everybody",
            fix="give the broker a user of its own for anyjob",
        )


def _timeout(version: str, location: Location) -> Iterator[Finding]:
    seconds = location.consumer_timeout
    if seconds is not None and not consumer_arguments(version, location):
        yield Finding(
            id="rabbitmq-consumer-timeout",
            severity="info",
            seen=f"consumer_timeout {seconds:g} s, as far as the URL says",
            why="the broker takes back, with its channel, what is not settled after so long",
            fix="raise consumer_timeout in its configuration for longer tasks, and say so with"
            " ?consumer_timeout= in the URL",
        )
