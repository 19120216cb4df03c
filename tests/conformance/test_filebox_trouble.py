"""A filebox on a full disk, and one that somebody left things in."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from anyjob.backends import (
    Abandon,
    Answer,
    BackendFull,
    BackendUnavailable,
    Bury,
    Complete,
    ConfigurationError,
    EnqueueUncertain,
    Release,
    Retry,
)
from anyjob.conformance import FakeClock
from anyjob.conformance.scene import QUEUE, Scene
from filebox.backend import FileBackend, Ticket
from filebox.harness import FileboxHarness

HARNESS = FileboxHarness()


@pytest.fixture
def scene() -> Iterator[Scene]:
    with Scene(HARNESS, FakeClock()) as scene:
        yield scene


def folder_of(scene: Scene, name: str) -> Path:
    return scene.site.folder / scene.site.namespace / QUEUE / name


def test_full_disk_refuses_jobs_and_leaves_nothing_to_be_seen(scene: Scene) -> None:
    with HARNESS.fill(scene.site):
        with pytest.raises(BackendFull):
            scene.backend.enqueue([scene.job(), scene.job()])
        assert scene.counted() == (0, 0, 0, 0)

    scene.put(2)
    assert scene.counted() == (2, 0, 0, 0)


def test_running_jobs_settle_on_a_full_disk(scene: Scene) -> None:
    scene.put(5)
    consumer = scene.consumer()
    done, again, back, dead, lost = scene.take(consumer, 5)

    with HARNESS.fill(scene.site):
        assert consumer.extend([done, again, back, dead, lost], scene.lease) == []
        answers = scene.settle(
            consumer,
            Complete(lease=done),
            Retry(lease=again, note=b"error", delay=scene.delay),
            Release(lease=back),
            Bury(lease=dead, reason="broken", note=b"error"),
            Abandon(lease=lost, note=b"error"),
        )

    assert answers == [Answer.DONE] * 5
    assert scene.counted() == (2, 1, 0, 1)
    assert [scene.one(consumer).body for _ in range(2)] == [back.body, lost.body]


def test_result_waits_for_room(scene: Scene) -> None:
    scene.put()
    consumer = scene.consumer()
    complete = Complete(lease=scene.one(consumer), outcome=b"result", keep=60.0)

    with HARNESS.fill(scene.site):
        assert scene.settle(consumer, complete) == [Answer.UNKNOWN]

    assert scene.settle(consumer, complete) == [Answer.DONE]
    record = scene.record(complete.lease)
    assert record is not None
    assert record.outcome == b"result"


def test_what_is_no_job_of_ours_is_left_alone(scene: Scene) -> None:
    jobs = scene.put(3)
    HARNESS.plant(scene.site)
    (scene.site.folder / scene.site.namespace / ".DS_Store").touch()

    scene.keep_up()

    assert [lease.id for lease in scene.rest(scene.consumer())] == [job.id for job in jobs]
    assert scene.backend.queues() == {QUEUE}
    assert (folder_of(scene, "open") / "no job of ours").exists()


def test_damaged_file_is_handed_over_raw_and_the_queue_goes_on(scene: Scene) -> None:
    scene.put(2)
    [damaged, _] = sorted(folder_of(scene, "open").iterdir())
    damaged.write_bytes(b"\x00 no line of ours")
    consumer = scene.consumer()

    first, second = scene.take(consumer, 2)

    assert first.body == b"\x00 no line of ours"
    assert scene.settle(consumer, Bury(lease=first, reason="undecodable")) == [Answer.DONE]
    scene.complete(consumer, second)
    assert scene.counted() == (0, 0, 0, 1)


def test_lease_of_before_the_last_start_of_the_machine_is_over(scene: Scene) -> None:
    scene.put()
    scene.one(scene.consumer())
    assert scene.clock is not None
    # The clock of leases begins anew, and the day goes on.
    scene.clock.advance(-500.0)
    scene.clock.jump(505.0)

    assert scene.one(scene.consumer()).redeliveries == 1


def test_folder_that_is_spoilt_is_an_error_of_the_contract(scene: Scene) -> None:
    scene.put()
    consumer = scene.consumer()
    bury = Bury(lease=scene.one(consumer), reason="broken")
    folder_of(scene, "dead").rmdir()
    folder_of(scene, "dead").touch()

    with pytest.raises(BackendUnavailable) as caught:
        scene.backend.counts(QUEUE)
    assert caught.value.retryable
    assert scene.settle(consumer, bury) == [Answer.UNKNOWN]

    folder_of(scene, "dead").unlink()
    folder_of(scene, "dead").mkdir()
    assert scene.settle(consumer, bury) == [Answer.DONE]


def test_folder_that_was_removed_is_told_once_and_made_anew(scene: Scene) -> None:
    scene.put(2)
    consumer = scene.consumer()
    lease = scene.one(consumer)
    shutil.rmtree(scene.site.folder / scene.site.namespace)

    with pytest.raises(BackendUnavailable, match="removed, and all jobs with it"):
        consumer.fetch(1, 0.0)

    assert scene.settle(consumer, Complete(lease=lease)) == [Answer.LEASE_LOST]
    [job] = scene.put()
    assert scene.one(consumer).id == job.id


def test_batch_that_breaks_in_the_middle_is_in_doubt(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    move, moved = Ticket.move, list[Ticket]()

    def breaking(ticket: Ticket, *args: object, **changes: object) -> Ticket | None:
        if len(moved) == 2:
            raise BackendUnavailable("the disk is gone")
        moved.append(ticket)
        return move(ticket, *args, **changes)

    jobs = [scene.job() for _ in range(4)]
    monkeypatch.setattr(Ticket, "move", breaking)
    with pytest.raises(EnqueueUncertain) as caught:
        scene.backend.enqueue(jobs)
    monkeypatch.undo()

    assert caught.value.envelopes == tuple(jobs)
    assert scene.counted() == (2, 0, 0, 0)


@pytest.mark.parametrize("url", ["filebox://jobs", "filebox:///", "filebox:///jobs?x=1", "jobs"])
def test_url_that_names_no_folder_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="expected a URL like filebox:///jobs"):
        FileBackend(url)
