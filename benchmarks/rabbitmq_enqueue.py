"""How many jobs a second are stored in RabbitMQ, each confirmed, beside a bare publisher and
peers.
"""

from __future__ import annotations

from typing import Any

from benchmarks.peers.field import Comparison, field, own_row
from benchmarks.peers.roster import on_rabbitmq
from benchmarks.rabbit_server import fresh, rabbit_server
from benchmarks.result import Result, Target
from benchmarks.settings import Settings
from benchmarks.sides import Figures, Side, alternate_leniently, column, ratios
from benchmarks.spin import awake
from benchmarks.storing import many_for, one_by_one_for

_ONE = Comparison(
    measurement="rabbitmq_enqueue",
    label="one",
    title="RabbitMQ: enqueue one by one, each confirmed",
    unit="jobs/s",
)


def measure(settings: Settings) -> list[Result]:
    """Enqueue by anyjob, by the bare loop and by the peers in turn."""
    peers = field(settings, on_rabbitmq)
    with rabbit_server(settings.folder) as url, awake():
        given: dict[str, Any] = {"url": url, "seconds": 0.5 if settings.is_quick else 3.0}
        theirs = peers.sides(_ONE, "enqueue", **given, folder=str(settings.folder), how="one")
        ours = {
            "one": Side("benchmarks.rabbitmq_enqueue:one", given),
            "many": Side("benchmarks.rabbitmq_enqueue:many", given),
            "bare": Side("benchmarks.bare_rabbitmq:publish", given),
        }
        rounds = alternate_leniently(ours | theirs, settings.rounds, theirs)
    figures = rounds.figures
    return [
        Result(
            measurement="rabbitmq_enqueue",
            figure="many_by_bare",
            title="RabbitMQ: `enqueue_many`, of the rate of a bare publisher of the same messages",
            unit="x",
            samples=ratios(column(figures["many"], "rate"), column(figures["bare"], "rate")),
            target=Target("least", 0.6),
        ),
        Result(
            measurement="rabbitmq_enqueue",
            figure="bare",
            title="RabbitMQ: a bare SelectConnection, confirms pipelined",
            unit="jobs/s",
            samples=column(figures["bare"], "rate"),
        ),
        Result(
            measurement="rabbitmq_enqueue",
            figure="many",
            title="RabbitMQ: `enqueue_many`",
            unit="jobs/s",
            samples=column(figures["many"], "rate"),
        ),
        peers.ratio(
            _ONE,
            rounds,
            figures["one"],
            "RabbitMQ: `enqueue` one by one, times the best peer's that acknowledges late",
            "one_by_peer",
            Target("least", 1),
        ),
        own_row(_ONE, figures["one"], "`enqueue`"),
        *peers.rows(_ONE, rounds, on_rabbitmq),
    ]


def one(url: str, seconds: float) -> Figures:
    """One by one, for so long."""
    return one_by_one_for(seconds, url, namespace=fresh())


def many(url: str, seconds: float) -> Figures:
    """By `enqueue_many`, for so long."""
    return many_for(seconds, url, namespace=fresh())
