"""The servers that the demo can start, each by the name of its backend."""

from __future__ import annotations

import os
from collections.abc import Mapping

from examples.shop.server import HOST, Server


class RedisServer(Server):
    """Redis, with an append-only file."""

    program = "redis-server"
    patience = 10.0
    greeting = (b"PING\r\n", b"+PONG")

    @property
    def url(self) -> str:
        return f"redis://{HOST}:{self.port}/0"

    @property
    def arguments(self) -> list[str]:
        return [
            *("--port", str(self.port), "--bind", HOST),
            *("--dir", str(self.folder), "--appendonly", "yes", "--save", ""),
        ]


class RabbitServer(Server):
    """RabbitMQ, a node of one; scripts/rabbitmq_server.sh says how it is started."""

    program = "rabbitmq-server"
    patience = 60.0
    greeting = (b"AMQP\x00\x00\x09\x01", b"\x01\x00\x00")

    @property
    def url(self) -> str:
        return f"amqp://anyjob:hidden-word@{HOST}:{self.port}/"

    @property
    def arguments(self) -> list[str]:
        return [str(self.port), str(self.folder.resolve())]


class SQSServer(Server):
    """An emulator of Amazon SQS, which keeps its queues in memory."""

    program = "ministack-python"
    patience = 30.0
    survives = False
    greeting = (b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", b"HTTP/1.1 ")

    @property
    def url(self) -> str:
        return f"sqs://us-east-1?endpoint=http://{HOST}:{self.port}"

    @property
    def arguments(self) -> list[str]:
        return ["-m", "ministack"]

    @property
    def environment(self) -> Mapping[str, str]:
        return {
            "BIND_HOST": HOST,
            "GATEWAY_PORT": str(self.port),
            "LOG_LEVEL": "ERROR",
            "SERVICES": "sqs",
            "TMPDIR": str(self.folder),
        }

    def __enter__(self) -> SQSServer:
        # It lets everybody in, but boto3 sends nothing without a key.
        os.environ.update(AWS_ACCESS_KEY_ID="anyjob", AWS_SECRET_ACCESS_KEY="hidden-word")
        return super().__enter__()


STARTED: dict[str, type[Server]] = {
    "redis": RedisServer,
    "rabbitmq": RabbitServer,
    "sqs": SQSServer,
}
