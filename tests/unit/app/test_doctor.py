"""What doctor says of a backend's levels."""

from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from anyjob.app.doctor import examined
from anyjob.backends.memory import MemoryBackend
from anyjob.core.task import Registry


@pytest.fixture
def backend() -> Iterator[MemoryBackend]:
    opened = MemoryBackend("memory://")
    opened.open()
    yield opened
    opened.close()


def findings(backend: MemoryBackend) -> set[str]:
    report = examined(backend, Registry(), lambda *_: [], [], 1 << 20)
    return {finding.id for finding in report.findings}


def test_doctor_tells_that_a_backend_may_give_a_job_twice(backend: MemoryBackend) -> None:
    exclusive = findings(backend)

    backend.capabilities = replace(backend.capabilities, exclusive=False)

    assert findings(backend) - exclusive == {"jobs-given-twice"}
