"""The running process: how jobs get from a backend into user code and back."""

from anyjob.worker.post import Ground
from anyjob.worker.posts import Routes
from anyjob.worker.settings import WorkerSettings
from anyjob.worker.worker import Worker

__all__ = ["Ground", "Routes", "Worker", "WorkerSettings"]
