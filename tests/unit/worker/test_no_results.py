"""A backend that shows nothing of what ended: nothing is left with it, and who asks is refused."""

from collections.abc import Iterator, Sequence

import pytest
from msgspec.structs import replace

from anyjob import App, Discard, State, UnsupportedCapability
from anyjob.backends.memory import MemoryBackend
from anyjob.backends.registry import BACKENDS
from anyjob.core.backend import JobRecord

pytestmark = pytest.mark.usefixtures("unwatched")


class Forgetful(MemoryBackend):
    """Keeps no results, and shows dead jobs alone."""

    capabilities = replace(
        MemoryBackend.capabilities, product="forgetful", results="none", browse="dead"
    )

    def get(self, queue: str, ids: Sequence[str], wait: float = 0.0) -> list[JobRecord | None]:
        found = super().get(queue, ids)
        if any(each is None or each.state is not State.DEAD for each in found):
            raise UnsupportedCapability("browse", "dead jobs alone are shown")
        return found


@pytest.fixture
def forgetful(monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    monkeypatch.setitem(BACKENDS, "memory", f"{__name__}:Forgetful")
    with App("memory://") as app:
        yield app


def test_what_a_task_returns_is_not_left_with_it(forgetful: App) -> None:
    @forgetful.task
    def answer() -> int:
        return 42

    @forgetful.task
    def nothing() -> None:
        raise Discard("not wanted")

    ids = [answer.enqueue().id, nothing.enqueue().id]
    forgetful.worker(burst=True).run()

    records = MemoryBackend.get(forgetful.backend, "default", ids)  # type: ignore[arg-type]
    assert [record and (record.state, record.outcome) for record in records] == [
        (State.SUCCEEDED, None),
        (State.CANCELLED, None),
    ]


def test_who_asks_for_a_result_or_a_state_is_refused(forgetful: App) -> None:
    @forgetful.task
    def answer() -> int:
        return 42

    job = answer.enqueue()

    with pytest.raises(UnsupportedCapability) as result:
        job.result(timeout=1)
    with pytest.raises(UnsupportedCapability) as status:
        job.status()

    assert (result.value.name, status.value.name) == ("results", "browse")
