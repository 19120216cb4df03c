"""The third line of an error about a real job's end."""

import time
from collections.abc import Callable

import pytest

from anyjob import Discard
from anyjob.cli.failure import explain
from anyjob.cli.session import Session
from anyjob.core.errors import AnyjobError
from anyjob.core.job import Job
from tests.unit.cli.conftest import Shop


def waiting(shop: Shop) -> Job[int]:
    return shop.count.using(delay=3600).enqueue(1)


def ready(shop: Shop) -> Job[int]:
    return shop.count.enqueue(1)


def cancelled(shop: Shop) -> Job[int]:
    job = ready(shop)
    assert job.cancel()
    return job


def discarded(shop: Shop) -> Job[None]:
    @shop.app.task
    def discard() -> None:
        raise Discard("not wanted; not now")

    job = discard.enqueue()
    assert shop.app.worker(burst=True).run() == 0
    return job


def expired(shop: Shop) -> Job[int]:
    job = shop.count.using(expires=0.001).enqueue(1)
    deadline = time.monotonic() + 10
    while time.time() <= (shop.app.show(job.id).expires or 0):
        assert time.monotonic() < deadline
    assert shop.app.worker(burst=True).run() == 0
    return job


def dead(shop: Shop) -> Job[str]:
    return shop.bury(1)[0]


ANEW = "enqueue it anew if it is still wanted"


@pytest.mark.parametrize(
    ("end", "problem", "advice"),
    [
        (ready, "had not ended after 0 s and is ready", "wait longer, or look later with"),
        (waiting, "had not ended after 0 s and is scheduled", "`anyjob jobs show {id}`"),
        (cancelled, "was cancelled", ANEW),
        (discarded, "was cancelled: not wanted; not now", ANEW),
        (expired, "expired before it was started", f"{ANEW}, with a later expires=..."),
        (dead, "(failed): ValueError: no such address", "see `anyjob dead show {id}`"),
    ],
)
def test_error_of_a_job_without_result_says_what_to_do(
    shop: Shop,
    capsys: pytest.CaptureFixture[str],
    end: Callable[[Shop], Job[object]],
    problem: str,
    advice: str,
) -> None:
    job = end(shop)
    with pytest.raises(AnyjobError) as raised:
        job.result(timeout=0)
    capsys.readouterr()  # what a worker said of its run

    explain(raised.value, [], Session())

    _, error, to_do = capsys.readouterr().err.splitlines()
    assert error.endswith(problem)
    assert advice.format(id=job.id) in to_do
