"""Jobs in RabbitMQ, for any number of hosts."""

from anyjob.backends.rabbitmq.backend import RabbitBackend

__all__ = ["RabbitBackend"]
