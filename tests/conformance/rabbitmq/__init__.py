"""The RabbitMQ backend under the conformance suite."""
