"""Who waits for results: in coroutines and threads, on backends that tell and that do not."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import pytest

from anyjob import App, BackendUnavailable, Job, JobCancelled, Misuse, ResultNotKept, ResultTimeout
from anyjob.app.waiters import Waiters
from anyjob.backends.memory import MemoryBackend
from anyjob.backends.memory.watch import MemoryWatch
from anyjob.core.backend import Backend, JobRecord, Watch
from anyjob.core.envelope import Envelope
from anyjob.core.state import State
from tests.waiting import PATIENCE, until

QUEUES = ["mail", "sums", "images"]


class Counting(MemoryBackend):
    """Counts the looks, and fails them on demand."""

    def __init__(self) -> None:
        super().__init__("memory://")
        self.open()
        self.looks: list[tuple[str, int]] = []
        self.trouble: Exception | None = None

    def get(self, queue: str, ids: Sequence[str], wait: float = 0.0) -> list[JobRecord | None]:
        self.looks.append((queue, len(ids)))
        if self.trouble is not None:
            raise self.trouble
        return super().get(queue, ids, wait)


class Silent(Counting):
    """Tells nobody, as a backend of somebody else's may."""

    def watch(self) -> None:  # type: ignore[override]
        return None


class Deaf(MemoryWatch):
    """Loses every word."""

    def note(self, queue: str, id: str) -> None: ...


class DeafBackend(Counting):
    def watch(self) -> MemoryWatch:
        return Deaf()


class Broken(MemoryWatch):
    def wait(self, timeout: float) -> Mapping[str, Collection[str]]:
        raise BackendUnavailable("the file cannot be read")


class BrokenBackend(Counting):
    def watch(self) -> MemoryWatch:
        return Broken()


@pytest.fixture(params=[Counting, Silent])
def backend(request: pytest.FixtureRequest) -> Iterator[Counting]:
    backend: Counting = request.param()
    yield backend
    backend.close()


@pytest.fixture
def jobs() -> Iterator[App]:
    with App("memory://", queues=QUEUES) as app:
        yield app


def stored(jobs: App, backend: Backend, count: int = 1) -> list[Job[Any]]:
    """Handles of so many jobs, by turns in three queues."""
    made = [Job[Any](jobs, f"0199-{n}", QUEUES[n % len(QUEUES)]) for n in range(count)]
    backend.enqueue([Envelope(job.id, job.queue, b"body") for job in made])
    return made


def cancel(backend: Backend, made: Sequence[Job[Any]]) -> None:
    for job in made:
        backend.cancel(job.queue, [job.id])


def states(records: Sequence[JobRecord | None]) -> set[State]:
    return {record.state for record in records if record is not None}


async def given_up(waits: Sequence[asyncio.Future[Any]]) -> None:
    for wait in waits:
        wait.cancel()
    await asyncio.gather(*waits, return_exceptions=True)


def is_working() -> bool:
    return any(thread.name == "anyjob-results" for thread in threading.enumerate())


def test_hundred_coroutines_of_three_queues_are_looked_for_together(jobs: App) -> None:
    backend = Counting()
    waiters = Waiters(backend, net=3600.0)
    made = stored(jobs, backend, 100)

    async def main() -> list[JobRecord]:
        waits = [asyncio.ensure_future(waiters.await_for(job, None)) for job in made]
        await asyncio.sleep(1.0)
        assert sorted(backend.looks) == [("images", 33), ("mail", 34), ("sums", 33)]
        cancel(backend, made)
        return await asyncio.gather(*waits)

    assert states(asyncio.run(main())) == {State.CANCELLED}
    # Each once more at the most, which had ended.
    assert sum(count for _, count in backend.looks) <= 200


def test_hundred_threads_look_once_each_and_are_looked_for_together(jobs: App) -> None:
    backend = Counting()
    waiters = Waiters(backend, net=3600.0)
    made = stored(jobs, backend, 100)
    records: list[JobRecord] = []

    def wait(job: Job[Any]) -> None:
        records.append(waiters.wait_for(job, PATIENCE))

    threads = [threading.Thread(target=wait, args=(job,)) for job in made]
    for thread in threads:
        thread.start()
    until(lambda: sum(map(len, list(waiters._waiting.values()))) == 100)  # noqa: SLF001 - shows nowhere else
    asked = sum(count for _, count in backend.looks)
    cancel(backend, made)
    for thread in threads:
        thread.join()

    assert states(records) == {State.CANCELLED}
    assert len(records) == 100
    # By itself, by the thread as it came, and as it ended.
    assert asked <= 200
    assert sum(count for _, count in backend.looks) <= 300
    until(lambda: not is_working())


def test_coroutines_come_and_give_up_while_others_wait(jobs: App, backend: Counting) -> None:
    waiters = Waiters(backend)
    made = stored(jobs, backend, 30)

    async def main() -> list[Any]:
        first = [asyncio.ensure_future(waiters.await_for(job, PATIENCE)) for job in made[:10]]
        await asyncio.sleep(0.02)
        second = [asyncio.ensure_future(waiters.await_for(job, 0.01)) for job in made[10:20]]
        third = [asyncio.ensure_future(waiters.await_for(job, PATIENCE)) for job in made[20:]]
        late = await asyncio.gather(*second, return_exceptions=True)
        assert {type(each) for each in late} == {ResultTimeout}
        await given_up(first[:5])
        cancel(backend, made)
        return await asyncio.gather(*first[5:], *third)

    assert len(asyncio.run(main())) == 15
    until(lambda: not is_working())


def test_job_that_ended_before_is_answered_at_once(jobs: App, backend: Counting) -> None:
    waiters = Waiters(backend)
    [waits, ended, gone] = stored(jobs, backend, 3)
    cancel(backend, [ended])
    backend.purge(gone.queue, [State.READY])

    async def main() -> JobRecord:
        waiting = asyncio.ensure_future(waiters.await_for(waits, None))
        await asyncio.sleep(0.02)
        record = await waiters.await_for(ended, PATIENCE)
        with pytest.raises(ResultNotKept):
            await waiters.await_for(gone, PATIENCE)
        await given_up([waiting])
        return record

    assert asyncio.run(main()).state is State.CANCELLED
    assert waiters.wait_for(ended, PATIENCE).state is State.CANCELLED
    with pytest.raises(ResultNotKept):
        waiters.wait_for(gone, PATIENCE)


def test_timeout_of_zero_looks_once(jobs: App, backend: Counting) -> None:
    waiters = Waiters(backend)
    [waits, ended] = stored(jobs, backend, 2)
    cancel(backend, [ended])

    assert waiters.wait_for(ended, 0).state is State.CANCELLED
    assert asyncio.run(waiters.await_for(ended, 0)).state is State.CANCELLED
    with pytest.raises(ResultTimeout, match="and is ready;"):
        waiters.wait_for(waits, 0)
    with pytest.raises(ResultTimeout, match="and is ready;"):
        asyncio.run(waiters.await_for(waits, 0))


def test_word_that_got_lost_is_made_up_for(jobs: App) -> None:
    backend = DeafBackend()
    waiters = Waiters(backend, net=0.05)
    made = stored(jobs, backend, 6)

    async def main() -> list[JobRecord]:
        waits = [asyncio.ensure_future(waiters.await_for(job, PATIENCE)) for job in made]
        await asyncio.sleep(0.02)
        cancel(backend, made)
        return await asyncio.gather(*waits)

    assert states(asyncio.run(main())) == {State.CANCELLED}


def test_error_of_a_look_reaches_those_whom_it_was_for_and_nobody_later(
    jobs: App, backend: Counting
) -> None:
    waiters = Waiters(backend)
    made = stored(jobs, backend, 6)

    async def main() -> list[Any]:
        backend.trouble = BackendUnavailable("nobody is there")
        waits = [asyncio.ensure_future(waiters.await_for(job, PATIENCE)) for job in made]
        return await asyncio.gather(*waits, return_exceptions=True)

    assert [type(each) for each in asyncio.run(main())] == [BackendUnavailable] * 6
    with pytest.raises(BackendUnavailable):
        waiters.wait_for(made[0], PATIENCE)

    backend.trouble = None
    cancel(backend, made)
    assert waiters.wait_for(made[0], PATIENCE).state is State.CANCELLED


def test_error_in_the_midst_of_a_wait_reaches_a_thread(jobs: App) -> None:
    backend = Counting()
    waiters = Waiters(backend)
    [job] = stored(jobs, backend)
    errors: list[BaseException] = []

    def wait() -> None:
        try:
            waiters.wait_for(job, PATIENCE)
        except BackendUnavailable as error:
            errors.append(error)

    waiting = threading.Thread(target=wait)
    waiting.start()
    until(lambda: len(backend.looks) >= 2)
    backend.trouble = BackendUnavailable("nobody is there")
    cancel(backend, [job])
    waiting.join(PATIENCE)

    assert [str(error) for error in errors] == ["nobody is there"]


def test_error_of_the_watch_reaches_everybody(jobs: App) -> None:
    backend = BrokenBackend()
    waiters = Waiters(backend)
    made = stored(jobs, backend, 3)

    async def main() -> list[Any]:
        waits = [waiters.await_for(job, PATIENCE) for job in made]
        return await asyncio.gather(*waits, return_exceptions=True)

    assert [type(each) for each in asyncio.run(main())] == [BackendUnavailable] * 3
    with pytest.raises(BackendUnavailable):
        waiters.wait_for(made[0], PATIENCE)
    until(lambda: not is_working())


def test_machine_without_room_for_a_thread_says_so(
    jobs: App, backend: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiters = Waiters(backend)
    [job] = stored(jobs, backend)

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(BackendUnavailable, match="can't start new thread"):
            asyncio.run(waiters.await_for(job, PATIENCE))

    cancel(backend, [job])
    assert asyncio.run(waiters.await_for(job, PATIENCE)).state is State.CANCELLED


def test_those_of_a_loop_that_was_closed_are_forgotten(jobs: App) -> None:
    backend = Counting()
    waiters = Waiters(backend, net=0.05)
    mine, theirs = stored(jobs, backend, 2)
    loop = asyncio.new_event_loop()
    left = loop.create_task(waiters.await_for(mine, None))
    loop.run_until_complete(asyncio.sleep(0.02))

    loop.close()

    until(lambda: not is_working())
    assert not waiters._waiting  # noqa: SLF001 - that nobody is kept shows nowhere else
    cancel(backend, [mine, theirs])
    assert asyncio.run(waiters.await_for(theirs, PATIENCE)).state is State.CANCELLED
    # Python complains of a task that is dropped while it waits, so it is ended by hand.
    left._log_destroy_pending = False  # type: ignore[attr-defined]  # noqa: SLF001
    with suppress(RuntimeError):
        left.get_coro().close()


def test_end_for_a_loop_that_was_closed_disturbs_nobody(jobs: App) -> None:
    backend = Counting()
    waiters = Waiters(backend)
    [job] = stored(jobs, backend)
    loop = asyncio.new_event_loop()
    left = loop.create_task(waiters.await_for(job, None))
    loop.run_until_complete(asyncio.sleep(0.02))
    records: list[JobRecord] = []
    waiting = threading.Thread(target=lambda: records.append(waiters.wait_for(job, PATIENCE)))
    waiting.start()
    until(lambda: len(waiters._waiting.get(job.queue, {}).get(job.id, ())) == 2)  # noqa: SLF001

    loop.close()
    cancel(backend, [job])
    waiting.join(PATIENCE)

    assert states(records) == {State.CANCELLED}
    left._log_destroy_pending = False  # type: ignore[attr-defined]  # noqa: SLF001
    with suppress(RuntimeError):
        left.get_coro().close()


def test_closed_app_tells_threads_and_coroutines_that_wait(jobs: App) -> None:
    @jobs.task
    def work() -> None: ...

    job = work.enqueue()
    errors: list[BaseException] = []

    def wait() -> None:
        try:
            job.result(PATIENCE)
        except Misuse as error:
            errors.append(error)

    async def main() -> None:
        waits = [asyncio.ensure_future(job.aresult()) for _ in range(3)]
        await asyncio.sleep(0.02)
        jobs.close()
        for each in await asyncio.gather(*waits, return_exceptions=True):
            assert isinstance(each, Misuse)

    waiting = threading.Thread(target=wait)
    waiting.start()
    until(is_working)
    asyncio.run(main())
    waiting.join(PATIENCE)

    assert [type(error) for error in errors] == [Misuse]
    until(lambda: not is_working())
    # The next use opens the app again, and nothing of the one before is left.
    again = work.enqueue()
    again.cancel()
    with pytest.raises(JobCancelled):
        again.result(PATIENCE)


def test_closing_tells_those_who_wait_on_a_backend_that_tells_nobody(jobs: App) -> None:
    backend = Silent()
    waiters = Waiters(backend)
    [job] = stored(jobs, backend)

    async def main() -> None:
        wait = asyncio.ensure_future(waiters.await_for(job, None))
        await asyncio.sleep(0.02)
        backend.close()
        waiters.close()
        with pytest.raises(Misuse):
            await wait
        with pytest.raises(Misuse):
            await waiters.await_for(job, None)

    asyncio.run(main())
    until(lambda: not is_working())


def test_backend_without_a_watch_of_its_own_has_none() -> None:
    assert Backend.watch(Silent()) is None
    assert isinstance(Counting().watch(), Watch)
