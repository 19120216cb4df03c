"""The peers: what is installed, how a worker is started, and when it acknowledges a job.

Early is before the job runs: it is lost with its worker. Late is after, as anyjob does.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from benchmarks.peers.given import CELERY_LATE


class Peer(msgspec.Struct, frozen=True, kw_only=True):
    """A job queue in one of its settings."""

    name: str
    #: The module of its application, and its virtual environment.
    application: str
    packages: tuple[str, ...]
    #: The worker's command, its program in the environment; {concurrency}, {number}, {url} and,
    #: where one measurement needs more than the others, {options}.
    command: str
    acknowledges: Literal["early", "late"]
    #: What `concurrency` counts in it, and the values that are tried; the first where none is.
    counts: str
    sweep: tuple[int, ...]
    has_bulk: bool = False
    #: Whether jobs that wait run a hundred at once without a hundred processes.
    waits_at_once: bool = True
    #: Whether it belongs to a short run.
    is_quick: bool = False
    server: Literal["redis", "rabbitmq"] = "redis"
    variables: dict[str, str] = {}

    @property
    def package(self) -> str:
        """The package whose version tells which one it is."""
        return self.packages[0].partition("[")[0]

    def worker(self, concurrency: int, number: int, url: str, options: str = "") -> list[str]:
        """The command of one worker process, with some options more where it takes them."""
        filled = self.command.format(
            concurrency=concurrency, number=number, url=url, options=options
        )
        return filled.split()

    def setting(self, concurrency: int) -> str:
        """As it is told in a row."""
        if not self.counts:
            return ""
        plural = "" if concurrency == 1 else "es" if self.counts.endswith("s") else "s"
        return f"{concurrency} {self.counts}{plural}"


_CELERY = (
    "celery -A benchmarks.peers.celery worker -l WARNING -n w{number}@bench -c {concurrency}"
    " --without-gossip --without-mingle --without-heartbeat -P "
)
_CELERY_PACKAGES = ("celery[redis]", "hiredis")

PEERS = (
    Peer(
        name="Celery prefork",
        application="celery",
        packages=_CELERY_PACKAGES,
        command=f"{_CELERY} prefork",
        acknowledges="early",
        counts="process",
        sweep=(1, 2),
        has_bulk=True,
        waits_at_once=False,
        is_quick=True,
    ),
    Peer(
        name="Celery threads",
        application="celery",
        packages=_CELERY_PACKAGES,
        command=f"{_CELERY} threads",
        acknowledges="late",
        counts="thread",
        sweep=(2, 8),
        has_bulk=True,
        variables={CELERY_LATE: "1"},
    ),
    Peer(
        name="Dramatiq",
        application="dramatiq",
        packages=("dramatiq[redis]", "hiredis"),
        command="dramatiq benchmarks.peers.dramatiq -p 1 -t {concurrency}",
        acknowledges="late",
        counts="thread",
        sweep=(64, 16),
        is_quick=True,
    ),
    Peer(
        name="RQ SimpleWorker",
        application="rq",
        packages=("rq", "hiredis"),
        command="rq worker -q -u {url} --path . -w rq.SimpleWorker {options} bench",
        acknowledges="early",
        counts="",
        sweep=(1,),
        has_bulk=True,
        waits_at_once=False,
    ),
    Peer(
        name="Huey",
        application="huey",
        packages=("huey", "redis", "hiredis"),
        command="huey_consumer benchmarks.peers.huey.huey -q -k thread -w {concurrency}",
        acknowledges="early",
        counts="thread",
        sweep=(1, 8),
    ),
    Peer(
        name="taskiq stream",
        application="taskiq",
        packages=("taskiq", "taskiq-redis", "hiredis"),
        command=(
            "taskiq worker benchmarks.peers.taskiq:broker --workers 1 --log-level WARNING"
            " --max-async-tasks {concurrency} --max-prefetch {concurrency}"
        ),
        acknowledges="late",
        counts="coroutine",
        sweep=(100, 16),
    ),
    Peer(
        name="SAQ",
        application="saq",
        # It imports typing_extensions without asking for it.
        packages=("saq[redis,hiredis]", "typing_extensions"),
        command="saq benchmarks.peers.saq.settings --quiet",
        acknowledges="late",
        counts="coroutine",
        sweep=(100, 16),
        has_bulk=True,
    ),
    Peer(
        name="arq",
        application="arq",
        packages=("arq", "hiredis"),
        command=(
            "arq benchmarks.peers.arq.WorkerSettings --custom-log-dict benchmarks.peers.arq.QUIET"
        ),
        acknowledges="late",
        counts="coroutine",
        sweep=(100, 16),
    ),
    Peer(
        name="streaQ",
        application="streaq",
        packages=("streaq", "hiredis"),
        command="streaq run benchmarks.peers.streaq:worker",
        acknowledges="late",
        counts="coroutine",
        sweep=(100, 16),
        has_bulk=True,
    ),
    Peer(
        name="Dramatiq on RabbitMQ",
        application="dramatiq_amqp",
        packages=("dramatiq[rabbitmq]",),
        command="dramatiq benchmarks.peers.dramatiq_amqp -p 1 -t {concurrency}",
        acknowledges="late",
        counts="thread",
        sweep=(64, 16),
        is_quick=True,
        server="rabbitmq",
    ),
    Peer(
        name="Celery on RabbitMQ",
        application="celery_amqp",
        packages=("celery",),
        command=(
            "celery -A benchmarks.peers.celery_amqp worker -l WARNING -n w{number}@bench"
            " -c {concurrency} --without-gossip --without-mingle --without-heartbeat -P threads"
        ),
        acknowledges="late",
        counts="thread",
        sweep=(2, 8),
        server="rabbitmq",
    ),
    Peer(
        name="taskiq on RabbitMQ",
        application="taskiq_amqp",
        packages=("taskiq", "taskiq-aio-pika"),
        command=(
            "taskiq worker benchmarks.peers.taskiq_amqp:broker --workers 1 --log-level WARNING"
            " --max-async-tasks {concurrency} --max-prefetch {concurrency}"
        ),
        acknowledges="late",
        counts="coroutine",
        sweep=(100, 16),
        server="rabbitmq",
    ),
)


def on_redis(peer: Peer) -> bool:
    return peer.server == "redis"


def on_rabbitmq(peer: Peer) -> bool:
    return peer.server == "rabbitmq"


def peer(name: str) -> Peer:
    return next(each for each in PEERS if each.name == name)
