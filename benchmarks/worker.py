"""What a worker process imports: `anyjob worker benchmarks.worker:jobs`, with ANYJOB_BACKEND."""

from benchmarks.tasks import application

jobs = application()
