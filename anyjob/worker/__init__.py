"""The running process: how jobs get from a backend into user code and back."""

from anyjob.worker.settings import WorkerSettings
from anyjob.worker.worker import Worker

__all__ = ["Worker", "WorkerSettings"]
