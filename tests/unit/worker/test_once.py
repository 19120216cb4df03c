"""What a worker refuses at once, because it would otherwise wait for ever."""

import pytest

from anyjob import App, ConfigurationError, Misuse


@pytest.mark.parametrize("queues", [["typo"], "default", []])
def test_queues_that_bring_no_job_are_refused(jobs: App, queues: list[str]) -> None:
    with pytest.raises(ConfigurationError, match="queue"):
        jobs.worker(queues=queues)


def test_worker_that_ran_is_not_started_again(jobs: App) -> None:
    worker = jobs.worker()
    with worker:
        pass

    with pytest.raises(Misuse, match="a worker runs once"):
        worker.start()
