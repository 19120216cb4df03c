"""A server that reads its data from disk, for as long as that takes."""

import contextlib
import threading

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from anyjob.conformance.servers.own_process import Running
from anyjob.core.envelope import ACCEPTED
from tests.unit.backends.redis.conftest import PASSWORD, MakeJob, Open, StartServer, raw
from tests.waiting import until


def is_loading(server: Running) -> bool:
    # Else redis-py would wait until it is over.
    once = redis.Redis(port=server.port, password=PASSWORD, retry=Retry(NoBackoff(), 0))
    with contextlib.closing(once) as client:
        try:
            client.ping()
        except redis.BusyLoadingError:
            return True
        except redis.RedisError:
            pass
    return False


def test_server_that_reads_its_data_is_waited_for_and_has_every_job(
    start_server: StartServer, opened: Open, job: MakeJob
) -> None:
    slowly = ("--key-load-delay", "2000", "--loading-process-events-interval-bytes", "1024")
    server = start_server("--appendonly", "no", *slowly)
    backend = opened(server.url)
    jobs = [job() for _ in range(100)]
    backend.enqueue(jobs)
    with contextlib.closing(raw(server)) as admin:
        # Two milliseconds each.
        admin.mset({f"somebody else's {number}": "x" * 100 for number in range(1000)})
        admin.save()

    server.kill()
    starting = threading.Thread(target=server.run)
    starting.start()
    until(lambda: is_loading(server))
    ready = backend.counts("mail").ready
    starting.join()

    assert ready == len(jobs)
    assert backend.enqueue([job()]) == [ACCEPTED]
