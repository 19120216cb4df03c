"""A bare loop sends the very words that anyjob sends for the same jobs."""

from pathlib import Path

import pytest

from anyjob.backends.redis.encode import milliseconds, settled
from anyjob.backends.redis.keys import Keys
from anyjob.backends.redis.link import Link
from anyjob.backends.redis.scripts import SETTLE
from anyjob.backends.redis.url import Location
from anyjob.core.settlement import Complete, Lease, Verdict
from benchmarks.bare import Loop
from benchmarks.redis_io import PAUSE, span
from benchmarks.redis_latency import FIRST, lags
from benchmarks.slots import make

TOKEN = 7


def lease(id: str) -> Lease:
    return Lease(id, "default", TOKEN, b"{}", 5, 1, 0, b"", 0.0, 60.0, Verdict.RUN)


def test_the_bare_loop_settles_as_a_consumer_does() -> None:
    link = Link(Location(), "anyjob", None)
    both = [Complete(lease=lease("one")), Complete(lease=lease("two"))]
    words, _ = settled(both, {"default": 1})

    bare = Loop("", Keys("anyjob")).settle([b"one", b"two"], [b"5......{}", b"5......{}"], TOKEN)

    assert bare.packed() == link.call(SETTLE, ["default"], words).packed()


def test_a_lease_of_a_bare_loop_has_the_default_window() -> None:
    _, window, *_ = Loop("", Keys("anyjob")).fetch(TOKEN).args

    assert window == milliseconds(60)


def test_the_first_lags_do_not_count(tmp_path: Path) -> None:
    slots = make(tmp_path / "slots", FIRST + 3)
    for number in range(FIRST):
        slots.write(number, 9.0)
    for number in range(FIRST, FIRST + 3):
        slots.write(number, 0.001)

    assert lags(slots) == pytest.approx({"p50": 1.0, "p95": 1.0, "p99": 1.0})


def test_jobs_that_wait_last_from_the_beginning_of_the_first(tmp_path: Path) -> None:
    slots = make(tmp_path / "slots", 2)
    slots.write(0, 100.0)
    slots.write(1, 101.0)

    assert span(slots) == pytest.approx(1.0 + PAUSE)
