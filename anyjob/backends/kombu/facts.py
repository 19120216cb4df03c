"""Which transport keeps what it gave out, and what follows from it."""

from __future__ import annotations

import difflib
from importlib.util import find_spec
from typing import Any, Literal

import msgspec
from kombu.transport import TRANSPORT_ALIASES

from anyjob.backends.kombu.amqp_way import AmqpWay
from anyjob.backends.kombu.names import Names
from anyjob.backends.kombu.redis_way import RedisWay
from anyjob.backends.kombu.url import Location
from anyjob.backends.kombu.virtual_way import FilesystemWay, VirtualWay
from anyjob.backends.kombu.way import Durability, Way
from anyjob.core.backend import Finding
from anyjob.core.capabilities import Capabilities
from anyjob.core.clock import Clock
from anyjob.core.errors import ConfigurationError

MAX_BATCH = 100
#: What is written as JSON with the body in base64, and what AMQP carries as it is.
_MAX_AS_TEXT, _MAX_AS_BYTES = 4 * 1024 * 1024, 16 * 1024 * 1024
#: Seconds between two looks at queues that were empty.
POLL = 0.1


class Facts(msgspec.Struct, frozen=True):
    """What is known of a transport."""

    way: type[Way] = VirtualWay
    #: Module without which it cannot work, and the extra of kombu's that brings it.
    needs: str = ""
    extra: str = ""
    reach: Literal["process", "host", "network"] = "network"
    durability: Durability = "none"
    failover: Literal["none", "lossy", "lossless"] = "none"
    order: Literal["fifo", "loose"] = "loose"
    #: The scheme of our own backend for the same product.
    native: str = ""
    max_payload: int = _MAX_AS_TEXT


_AMQP = Facts(
    AmqpWay,
    "amqp",
    durability="os",
    failover="lossless",
    order="fifo",
    native="amqp://",
    max_payload=_MAX_AS_BYTES,
)
_REDIS = Facts(RedisWay, "redis", "redis", failover="lossy", order="fifo", native="redis://")
#: By the URL's scheme behind the '+'. What is not here, or has no way of its own, is taken for one
#: that deletes what it gives out: for some that is so, and of the rest it was not proven otherwise.
_KNOWN = {
    "amqp": _AMQP,
    "amqps": msgspec.structs.replace(_AMQP, native="amqps://"),
    "pyamqp": _AMQP,
    "redis": _REDIS,
    "rediss": msgspec.structs.replace(_REDIS, native="rediss://"),
    "memory": Facts(reach="process", order="fifo", native="memory://"),
    "filesystem": Facts(FilesystemWay, reach="host", durability="process", native="sqlite://"),
    "sentinel": Facts(needs="redis", extra="redis", native="redis+sentinel://"),
    "sqs": Facts(needs="boto3", extra="sqs", native="sqs://"),
    "SQS": Facts(needs="boto3", extra="sqs", native="sqs://"),
    "mongodb": Facts(needs="pymongo", extra="mongodb"),
    "sqlalchemy": Facts(needs="sqlalchemy", extra="sqlalchemy", native="sqlite://"),
    "sqla": Facts(needs="sqlalchemy", extra="sqlalchemy", native="sqlite://"),
    "confluentkafka": Facts(needs="confluent_kafka", extra="confluentkafka"),
    "kafka": Facts(needs="confluent_kafka", extra="confluentkafka"),
    "zookeeper": Facts(needs="kazoo", extra="zookeeper"),
    "etcd": Facts(needs="etcd", extra=""),
    "consul": Facts(needs="consul", extra="consul"),
    "qpid": Facts(needs="qpid", extra="qpid"),
    "pyro": Facts(needs="Pyro4", extra="pyro"),
    "librabbitmq": Facts(needs="librabbitmq", extra="librabbitmq", native="amqp://"),
    "slmq": Facts(needs="softlayer_messaging", extra="slmq"),
    "azurestoragequeues": Facts(needs="azure.storage.queue", extra="azurestoragequeues"),
    "azureservicebus": Facts(needs="azure.servicebus", extra="azureservicebus"),
    "gcpubsub": Facts(needs="google.cloud.pubsub_v1", extra="gcpubsub"),
    "pgmq": Facts(needs="psycopg", extra="pgmq"),
}


def facts_of(location: Location, transport: str | None) -> Facts:
    """What is known of the transport that is named; `transport` is a class by its name.

    Raises ConfigurationError for one that kombu does not know.
    """
    if transport is not None:
        return Facts()
    name = location.transport
    if name not in TRANSPORT_ALIASES:
        near = difflib.get_close_matches(name, TRANSPORT_ALIASES, 1)
        hint = f"; did you mean kombu+{near[0]}://?" if near else ""
        raise ConfigurationError(
            f"kombu has no transport {name!r}{hint} One of another package is named by"
            " KombuBackend(url, transport='package.module:Transport')"
        )
    return _KNOWN.get(name, Facts())


def check_installed(facts: Facts, location: Location) -> None:
    """Raise ConfigurationError unless what the transport needs is there."""
    if not facts.needs:
        return
    try:
        found = find_spec(facts.needs)
    except ModuleNotFoundError:
        found = None
    if found is None:
        what = f"kombu[{facts.extra}]" if facts.extra else facts.needs.partition(".")[0]
        raise ConfigurationError(
            f"kombu's transport {location.transport!r} needs {facts.needs!r}, which is not"
            f" installed; pip install '{what}'"
        )


def is_once(facts: Facts, location: Location, delivery: str | None) -> bool:
    """Whether jobs are removed before they are handed out.

    Raises ConfigurationError where a transport can do nothing else and nobody agreed to that.
    """
    if delivery == "at_most_once":
        return True
    if facts.way.lease != "none":
        return False
    native = f", or use {facts.native}, which keeps them" if facts.native else ""
    asked = "" if delivery is None else ", and at_least_once was asked for"
    raise ConfigurationError(
        f"kombu's transport {location.transport!r} deletes a job when it hands it out, or was not"
        f" seen to keep it: a worker that dies takes its jobs along{asked}. If they may be lost,"
        f" say ?delivery=at_most_once{native}"
    )


def way_of(
    facts: Facts,
    location: Location,
    names: Names,
    *,
    once: bool,
    transport: str | None,
    clock: Clock | None,
) -> Way:
    """A new way for one connection."""
    more: dict[str, Any] = {}
    if issubclass(facts.way, VirtualWay):
        more["transport"] = transport
    return facts.way(location, names, once=once, clock=clock, **more)


def capabilities_of(
    facts: Facts, location: Location, way: Way, version: str, durability: Durability
) -> Capabilities:
    """What a backend on such a transport declares."""
    lease = way.holds
    return Capabilities(
        product=f"kombu {location.transport}",
        version=version,
        reach=facts.reach,
        lease=lease,
        max_lease=location.consumer_timeout if lease == "connection" else None,
        fencing="local",
        durability=durability,
        failover=facts.failover,
        dedup="none",
        dedup_window=0.0,
        atomic_batch=False,
        max_batch=MAX_BATCH,
        atomic_children=False,
        transaction=False,
        delay="none",
        resolution=0.0,
        schedule_lag=0.0,
        priorities=location.bands,
        low_share="emulated",
        order=facts.order,
        redeliveries="exact",
        release="count",
        dead="emulated",
        counts="ready",
        browse="dead",
        results="none",
        cancel="none",
        unique="none",
        pause="none",
        wait="poll",
        wakeup_lag=POLL + 0.05,
        visibility_lag=0.05,
        redelivery_lag=0.3,
        prefetch=0,
        max_payload=facts.max_payload,
        clock="backend" if lease == "timed" else "client",
    )


def findings(facts: Facts, location: Location, capabilities: Capabilities) -> list[Finding]:
    """Every weakness of an installation."""
    found = []
    if capabilities.lease == "none":
        found.append(
            Finding(
                id="kombu-at-most-once",
                severity="warning",
                seen="delivery=at_most_once",
                why="a job is gone when a worker gets it: one that dies takes its jobs along",
                fix="use a transport that keeps them: kombu+redis:// or kombu+amqp://",
            )
        )
    if capabilities.durability == "none":
        found.append(
            Finding(
                id="kombu-not-durable",
                severity="warning",
                seen=f"{location.transport} writes nothing down, as far as it tells",
                why="jobs are gone when it ends",
                fix="set appendonly yes in Redis, or use a transport that writes to a disk",
            )
        )
    if facts.native:
        found.append(
            Finding(
                id="kombu-native",
                severity="info",
                seen=f"kombu+{location.transport}://",
                why="anyjob's own backend for it is faster and can do more",
                fix=f"use {facts.native}, unless something else forbids it",
            )
        )
    found.append(
        Finding(
            id="kombu-no-store",
            severity="info",
            seen="no store beside the broker",
            why="there are no delays, results, unique keys, cancelling and pauses",
            fix="add store=... to the App",
        )
    )
    return found
