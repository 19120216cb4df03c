"""`Checked` sees each way in which a caller breaks the contract, and lets pass what it allows."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from random import Random
from typing import Any

import pytest
from msgspec.structs import replace

from anyjob import App
from anyjob.backends.memory import MemoryBackend
from anyjob.conformance import Checked, FakeClock, Harness, Site, run_property
from anyjob.conformance.forks import RAISED, in_child
from anyjob.core.backend import Backend, Consumer, QueueShare
from anyjob.core.capabilities import Capabilities
from anyjob.core.envelope import ACCEPTED, Duplicate, Envelope, Receipt, Unique
from anyjob.core.errors import AnyjobError, Misuse
from anyjob.core.ids import IdMaker
from anyjob.core.settlement import (
    MAX_NOTE,
    Answer,
    Bury,
    Complete,
    Lease,
    Release,
    Retry,
    Settled,
)
from tests.unit.checked import watching

LEASE = 30.0
_ids = IdMaker(Random(1).getrandbits)


class Inner(MemoryBackend):
    """The memory backend, with other capabilities and answers that get lost."""

    declared: Capabilities = MemoryBackend.capabilities
    loses: bool = False

    @property
    def capabilities(self) -> Capabilities:  # type: ignore[override]
        return self.declared

    def consume(self, *arguments: Any, **more: Any) -> Consumer:
        consumer = super().consume(*arguments, **more)
        flush = consumer.flush

        def lossy(deadline: float) -> list[Settled]:
            answers = flush(deadline)
            return (
                [Settled(a.settlement, Answer.UNKNOWN) for a in answers] if self.loses else answers
            )

        consumer.flush = lossy  # type: ignore[method-assign]
        return consumer


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def inner(clock: FakeClock) -> Inner:
    return Inner("memory://", clock=clock)


@pytest.fixture
def backend(inner: Inner, clock: FakeClock) -> Iterator[Checked]:
    checked = Checked(inner, clock=clock)
    checked.open()
    yield checked
    checked.close()


def job(**fields: Any) -> Envelope:
    return Envelope(**{"id": _ids(1_767_225_600.0), "queue": "q", "body": b"body", **fields})


def consumer_on(backend: Backend, count: int = 1) -> tuple[Consumer, list[Lease]]:
    """A consumer that holds so many jobs."""
    backend.enqueue([job() for _ in range(count)])
    consumer = backend.consume([QueueShare("q")], lease=LEASE, worker="w")
    return consumer, consumer.fetch(count, 0.0)


def test_orderly_worker_breaks_nothing(inner: Inner, clock: FakeClock) -> None:
    checked = Checked(inner, clock=clock)
    checked.open()
    consumer, [first, second, third] = consumer_on(checked, 3)
    assert consumer.extend([first, second, third], LEASE) == []
    consumer.settle([Complete(lease=first), Retry(lease=second)])
    inner.loses = True
    [unknown, *_] = consumer.flush(5.0)
    inner.loses = False
    consumer.settle([unknown.settlement])
    consumer.settle([Release(lease=third)])
    consumer.flush(5.0)
    consumer.stop()
    consumer.close(release=True)
    consumer.close(release=True)
    checked.close()
    checked.close()

    checked.check()

    assert checked.violations == []


def test_violation_is_logged_at_once_and_raised_in_the_end(
    backend: Checked, caplog: pytest.LogCaptureFixture
) -> None:
    consumer, [lease] = consumer_on(backend)

    with pytest.raises(AnyjobError):
        consumer.fetch(0, 0.0)

    assert "the contract is broken: fetch was given a credit of 0" in caplog.text
    consumer.close(release=True)
    backend.close()
    with pytest.raises(AssertionError, match="the caller broke the contract:\nfetch was given a"):
        backend.check()
    assert lease.id


def test_what_is_left_open_is_told(inner: Inner) -> None:
    checked = Checked(inner)
    checked.open()
    consumer_on(checked)

    with pytest.raises(AssertionError) as broken:
        checked.check()

    assert "the backend was never closed" in str(broken.value)
    assert "1 consumers were never closed" in str(broken.value)
    checked.close()


def test_consumer_that_never_fetched_may_go_with_its_backend(inner: Inner) -> None:
    checked = Checked(inner)
    checked.open()
    checked.consume([QueueShare("q")], lease=LEASE, worker="w")
    checked.close()

    checked.check()


def test_backend_that_was_never_opened_is_not_to_be_used(inner: Inner) -> None:
    checked = Checked(inner)

    with pytest.raises(Misuse):
        checked.enqueue([job()])

    assert checked.violations == ["enqueue was called on a backend that was never opened"]


def test_jobs_of_a_loop_are_watched_by_whichever_way_they_come(inner: Inner) -> None:
    class OwnWay(Inner):
        def aenqueue(self, jobs: Sequence[Envelope]) -> Awaitable[list[Receipt]]:
            async def stored() -> list[Receipt]:
                return self.enqueue(jobs)

            return stored()

    async def main(backend: Backend) -> list[Receipt] | None:
        answer = backend.aenqueue([one, one])
        return None if answer is None else await answer

    one = job()
    without, watched = Checked(inner), Checked(OwnWay("memory://"))
    for checked in (without, watched):
        checked.open()

    assert asyncio.run(main(without)) is None
    assert asyncio.run(main(watched)) == [ACCEPTED, Duplicate(one.id)]

    assert without.violations == []
    assert watched.violations == ["one call of enqueue holds an id twice"]
    for checked in (without, watched):
        checked.close()


def test_watch_is_handed_on_and_is_nobodys_before_open(inner: Inner, backend: Checked) -> None:
    [one] = [job()]
    backend.enqueue([one])
    watch = backend.watch()
    assert watch is not None
    watch.add("q", [one.id])
    inner.cancel("q", [one.id])

    assert watch.wait(5.0) == {"q": {one.id}}
    watch.close()
    assert backend.violations == []
    unopened = Checked(Inner("memory://"))
    with pytest.raises(Misuse):
        unopened.watch()
    assert unopened.violations == ["watch was called on a backend that was never opened"]


Deed = Callable[[Consumer, list[Lease]], object]


def settle_twice(consumer: Consumer, leases: list[Lease]) -> None:
    consumer.settle([Complete(lease=leases[0]), Complete(lease=leases[0])])


def settle_again(consumer: Consumer, leases: list[Lease]) -> None:
    consumer.settle([Complete(lease=leases[0])])
    consumer.flush(5.0)
    consumer.settle([Complete(lease=leases[0])])


def extend_what_is_over(consumer: Consumer, leases: list[Lease]) -> None:
    consumer.settle([Complete(lease=leases[0])])
    consumer.flush(5.0)
    consumer.extend([leases[0]], LEASE)


def settle_a_stranger(consumer: Consumer, leases: list[Lease]) -> None:
    consumer.settle([Complete(lease=replace(leases[0], token=7))])


def extend_a_stranger(consumer: Consumer, leases: list[Lease]) -> None:
    consumer.extend([replace(leases[0], token=7)], LEASE)


def write_too_long_a_note(consumer: Consumer, leases: list[Lease]) -> None:
    consumer.settle([Retry(lease=leases[0], note=bytes(MAX_NOTE + 1))])


def fetch_from_two_threads(consumer: Consumer, leases: list[Lease]) -> None:
    thread = threading.Thread(target=consumer.fetch, args=(1, 0.0))
    thread.start()
    thread.join()


def limit_another_queue(consumer: Consumer, leases: list[Lease]) -> None:
    consumer.fetch(1, 0.0, {"other": 1})


def extend_for_no_time(consumer: Consumer, leases: list[Lease]) -> None:
    consumer.extend(leases, 0.0)


def flush_without_a_deadline(consumer: Consumer, leases: list[Lease]) -> None:
    consumer.flush(float("nan"))


def fetch_in_the_past(consumer: Consumer, leases: list[Lease]) -> None:
    consumer.fetch(1, -1.0)


def settle_after_closing(consumer: Consumer, leases: list[Lease]) -> None:
    consumer.close(release=False)
    consumer.settle([Complete(lease=leases[0])])


def extend_after_closing(consumer: Consumer, leases: list[Lease]) -> None:
    consumer.close(release=False)
    consumer.extend(leases, LEASE)


def close_without_a_flush(consumer: Consumer, leases: list[Lease]) -> None:
    consumer.settle([Complete(lease=leases[0])])
    consumer.close(release=True)


@pytest.mark.parametrize(
    ("deed", "violation"),
    [
        (settle_twice, "was settled twice"),
        (settle_again, "was settled again after its answer"),
        (extend_what_is_over, "was extended after its settlement was answered"),
        (settle_a_stranger, "was settled, and this consumer never leased it"),
        (extend_a_stranger, "was extended, and this consumer never leased it"),
        (write_too_long_a_note, "has a note of 8193 bytes, over 8192"),
        (fetch_from_two_threads, "fetch was called from a second thread"),
        (limit_another_queue, "fetch was given a limit of 1 for 'other'"),
        (extend_for_no_time, "leases were extended by 0.0 s"),
        (flush_without_a_deadline, "flush was given a deadline of nan s"),
        (fetch_in_the_past, "fetch was given a timeout of -1.0 s"),
        (settle_after_closing, "settle was called on a closed consumer"),
        (extend_after_closing, "extend was called on a closed consumer"),
        (close_without_a_flush, "closed with 1 settlements whose answers nobody asked for"),
    ],
)
def test_misdeed_is_seen(backend: Checked, deed: Deed, violation: str) -> None:
    consumer, leases = consumer_on(backend)

    with suppress(AnyjobError):  # the backend may refuse it as well
        deed(consumer, leases)

    assert violation in "\n".join(backend.violations)


def test_settling_and_extending_what_was_reported_lost_is_seen(
    backend: Checked, clock: FakeClock
) -> None:
    consumer, [lease] = consumer_on(backend)
    clock.advance(2 * LEASE)
    other = backend.consume([QueueShare("q")], lease=LEASE, worker="other")
    assert len(other.fetch(1, 0.0)) == 1
    assert consumer.extend([lease], LEASE) == [lease]

    consumer.extend([lease], LEASE)
    consumer.settle([Complete(lease=lease)])

    assert backend.violations == [
        f"{lease.id} was extended after its lease was reported lost",
        f"{lease.id} was settled after its lease was reported lost",
    ]


def test_only_the_same_settlement_may_follow_one_that_is_unknown(
    backend: Checked, inner: Inner
) -> None:
    consumer, [lease] = consumer_on(backend)
    inner.loses = True
    consumer.settle([Complete(lease=lease)])
    consumer.flush(5.0)

    consumer.settle([Complete(lease=lease)])
    assert backend.violations == []
    consumer.flush(5.0)
    consumer.settle([Release(lease=lease)])

    [violation] = backend.violations
    assert "was settled as Release, while its Complete is unknown" in violation


def test_local_fence_is_the_callers_to_keep(
    backend: Checked, inner: Inner, clock: FakeClock
) -> None:
    inner.declared = replace(MemoryBackend.capabilities, fencing="local")
    consumer, [first, second] = consumer_on(backend, 2)
    clock.advance(0.5 * LEASE)
    consumer.extend([first], LEASE)
    clock.advance(0.45 * LEASE)

    consumer.settle([Complete(lease=first)])
    assert backend.violations == []
    consumer.extend([second], LEASE)
    consumer.settle([Complete(lease=second)])

    assert backend.violations[0] == f"{second.id} was extended after its local deadline"


def test_what_the_backend_declares_that_it_cannot_take_is_seen(
    backend: Checked, inner: Inner
) -> None:
    inner.declared = replace(
        MemoryBackend.capabilities,
        delay="none",
        unique="none",
        dead="none",
        results="none",
        max_payload=10,
        max_batch=2,
        max_lease=60.0,
    )
    consumer, [lease] = consumer_on(backend)

    same = job(due=5.0, unique=Unique("k"), body=bytes(11))
    backend.enqueue([same, same, job()])
    consumer.settle([Bury(lease=lease, reason="broken", outcome=b"x", keep=1.0, then=(same,))])
    backend.consume([QueueShare("q")], lease=61.0, worker="w")
    backend.maintain(0.0)

    told = "\n".join(backend.violations)
    for part in (
        "3 jobs were enqueued in one call, over 2",
        "one call of enqueue holds an id twice",
        "a job that was enqueued has 11 bytes, over 10",
        "a job that was enqueued has a delay, and the backend has none",
        "a job that was enqueued has a unique key, and the backend has none",
        "needs dead letters, and the backend has none",
        "has an outcome, and the backend keeps none",
        "a child of the Bury",
        "a consumer was given leases of 61.0 s, and max_lease is 60.0",
        "maintain was given a budget of 0.0 s",
    ):
        assert part in told


class CheckedHarness(Harness):
    def backend(self, site: Site) -> Backend:
        inner = MemoryBackend(f"memory://{site.name}", namespace=site.namespace, clock=site.clock)
        return Checked(inner, clock=site.clock)


@pytest.mark.parametrize(
    "property_id",
    ["ENQ-6", "LSE-4", "LSE-12", "SET-9", "DLQ-5", "ADM-1", "ADM-2", "ADM-3", "ADM-4", "ADM-5",
     "MNT-1", "LIF-1", "LIF-2", "CON-3", "CAP-5"],
)  # fmt: skip
def test_watched_backend_keeps_the_contract_as_it_did(property_id: str) -> None:
    run_property(property_id, CheckedHarness())


def test_forked_child_is_stopped_before_it_touches_the_backend(backend: Checked) -> None:
    consumer, _ = consumer_on(backend)

    assert in_child(lambda: consumer.fetch(1, 0.0)) == RAISED


def test_fixture_of_the_worker_tests_fails_a_test_that_breaks_the_contract(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def misbehave() -> None:
        with watching(monkeypatch), App("memory://") as app:
            consumer, leases = consumer_on(app.backend)
            settle_twice(consumer, leases)
            consumer.flush(5.0)
            consumer.close(release=True)

    with pytest.raises(AssertionError, match="was settled twice"):
        misbehave()
