"""Jobs that are too large: refused before anything is written."""

from __future__ import annotations

import pytest

from anyjob import PayloadTooLarge
from anyjob.backends.sqlite import SQLiteBackend
from anyjob.core.envelope import Envelope
from tests.acceptance.conftest import Site

LIMIT = 1024 * 1024


def commits(site: Site) -> int:
    backend = site.app.backend
    assert isinstance(backend, SQLiteBackend)
    return backend.commits


def test_job_of_ten_megabytes_is_refused_before_any_write(site: Site) -> None:
    task = site.app.tasks.get("misbehave")
    site.app.open()
    before = commits(site)

    with pytest.raises(PayloadTooLarge, match=f"more than the {LIMIT}"):
        task.enqueue("x" * 10_000_000)

    assert commits(site) == before
    assert site.app.counts().ready == 0


def test_largest_job_that_is_allowed_runs(site: Site) -> None:
    task = site.app.tasks.get("misbehave")
    # The envelope around the argument takes less than this.
    job = task.enqueue("x" * (LIMIT - 400))
    site.worker()

    site.wait(lambda: site.app.counts().dead == 1, "it has run, and failed as it should")

    assert site.app.show(job.id).note.type == "AssertionError"


def test_stream_with_one_job_too_large_stores_all_others(site: Site) -> None:
    work, huge = site.app.tasks.get("work"), site.app.tasks.get("misbehave")
    drafts = [work.job(), huge.job("x" * LIMIT), work.job()]

    answers = site.app.enqueue_many(drafts)

    assert [type(answer).__name__ for answer in answers] == ["Job", "Rejected", "Job"]
    assert site.app.counts().ready == 2


@pytest.mark.parametrize("over", [-1, 0, 1])
def test_backend_holds_exactly_what_it_declares(site: Site, over: int) -> None:
    site.app.open()
    limit = site.app.backend.capabilities.max_payload
    before = commits(site)

    def store() -> None:
        site.app.backend.enqueue([Envelope("large", "default", bytes(limit + over))])

    if over > 0:
        with pytest.raises(PayloadTooLarge):
            store()
        assert commits(site) == before
    else:
        store()
        [record] = site.app.backend.get("default", ["large"])
        assert record is not None
        assert len(record.body or b"") == limit + over
