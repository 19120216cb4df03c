"""Jobs in Amazon SQS, or whatever speaks its protocol."""

from anyjob.backends.sqs.backend import SQSBackend

__all__ = ["SQSBackend"]
