"""Opening, closing, forking."""

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from anyjob.backends.sqlite import SQLiteBackend, SQLiteStore
from anyjob.backends.sqlite.consumer import SQLiteConsumer
from anyjob.core.backend import Consumer, QueueShare, QueueSpec
from anyjob.core.errors import BackendCorrupt, Misuse
from anyjob.core.settlement import Complete
from tests.unit.backends.sqlite.conftest import MakeJob

Open = Callable[..., SQLiteBackend]


def open_files(path: Path) -> list[str]:
    folder = Path("/proc/self/fd") if Path("/proc/self/fd").exists() else Path("/dev/fd")
    links = []
    for descriptor in folder.iterdir():
        try:
            links.append(str(descriptor.readlink()))
        except OSError:
            continue
    return [link for link in links if link.startswith(str(path))]


def test_close_leaves_no_file_and_no_thread(url: str, path: Path, job: MakeJob) -> None:
    threads = set(threading.enumerate())
    for _ in range(5):
        backend = SQLiteBackend(url)
        backend.open()
        backend.open()
        backend.enqueue([job()])
        backend.close()
        backend.close()

    assert open_files(path) == []
    assert set(threading.enumerate()) == threads
    assert sorted(file.name for file in path.parent.iterdir()) == [
        "jobs.db",
        "jobs.db-ballast",
        "jobs.db-lock",
    ]


def test_backends_on_one_file_in_one_process_share_it(url: str, opened: Open, job: MakeJob) -> None:
    first, second = opened(url), opened(url)
    first.enqueue([job()])
    second.enqueue([job()])

    first.close()

    assert second.counts("mail").ready == 2
    second.enqueue([job()])
    third = opened(url)
    assert third.counts("mail").ready == 3


def test_store_outlives_the_backend_it_came_from(url: str, opened: Open) -> None:
    backend = opened(url)
    store = backend.store()
    store.open()
    backend.close()

    assert store.increment([("hits", 1)]) == [1]

    store.close()
    store.close()
    with pytest.raises(Misuse):
        store.increment([("hits", 1)])


def test_reopened_backend_works_again(url: str, job: MakeJob) -> None:
    backend = SQLiteBackend(url)
    for _ in range(2):
        backend.open()
        backend.enqueue([job()])
        backend.close()
    backend.open()

    assert backend.counts("mail").ready == 2

    backend.close()


def test_use_before_open_and_after_close_is_misuse(url: str, job: MakeJob) -> None:
    backend, store = SQLiteBackend(url), SQLiteStore(url)
    uses: list[Callable[[], object]] = [
        lambda: backend.enqueue([job()]),
        lambda: backend.declare([QueueSpec("mail")]),
        lambda: backend.counts("mail"),
        lambda: backend.get("mail", ["id"], wait=1),
        lambda: backend.maintain(1),
        lambda: store.get(["key"]),
    ]
    for use in uses:
        with pytest.raises(Misuse, match="open"):
            use()
    backend.open()
    store.open()
    backend.close()
    store.close()
    for use in uses:
        with pytest.raises(Misuse, match="open"):
            use()


@pytest.mark.parametrize("blocked", ["fetch", "get"])
def test_close_ends_blocked_calls(url: str, job: MakeJob, blocked: str) -> None:
    backend = SQLiteBackend(url)
    backend.open()
    waiting = job(due=600.0)
    backend.enqueue([waiting])
    consumer = backend.consume([QueueShare("mail")], lease=30, worker="w")
    ended: list[object] = []

    def block() -> None:
        if blocked == "fetch":
            ended.append(consumer.fetch(1, 600))
        else:
            ended.append(backend.get("mail", [waiting.id], wait=600)[0] is not None)

    thread = threading.Thread(target=block)
    thread.start()
    while not backend._database.bell._alarms:  # noqa: SLF001 - it waits when it listens
        pass
    backend.close()
    thread.join(timeout=10)

    assert not thread.is_alive()
    assert ended == [[] if blocked == "fetch" else True]


FORKED = """
import os, sys, uuid
from anyjob.backends.sqlite import SQLiteBackend
from anyjob.core.backend import QueueShare
from anyjob.core.envelope import Envelope
from anyjob.core.errors import Misuse

def job(): return Envelope(str(uuid.uuid4()), "mail", b"body")
backend = SQLiteBackend(sys.argv[1]); backend.open()
backend.enqueue([job()])
consumer = backend.consume([QueueShare("mail")], lease=30, worker="w")
child = os.fork()
if child == 0:
    refused = 0
    for use in (lambda: backend.enqueue([job()]), lambda: consumer.fetch(1, 0), backend.open,
                lambda: backend.counts("mail"), lambda: backend.maintain(1)):
        try:
            use()
        except Misuse as error:
            refused += "fork" in str(error)
    backend.close()
    fresh = SQLiteBackend(sys.argv[1]); fresh.open(); fresh.enqueue([job()]); fresh.close()
    os._exit(refused)
_, status = os.waitpid(child, 0)
assert os.waitstatus_to_exitcode(status) == 5, status
backend.enqueue([job()])
assert backend.counts("mail").ready == 3
backend.close()
print("good")
"""


def test_forked_child_is_refused_and_opens_its_own(url: str) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORKED, url],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )

    assert done.stdout == "good\n", done.stderr


#: Forks while three threads of the parent write, read and wait; each child opens its own.
FORKED_UNDER_LOAD = """
import os, sys, threading, uuid
from anyjob.backends.sqlite import SQLiteBackend
from anyjob.core.backend import QueueShare
from anyjob.core.envelope import Envelope

def job(queue): return Envelope(str(uuid.uuid4()), queue, b"body" * 100)

backend = SQLiteBackend(sys.argv[1]); backend.open()
ended, failed, sent = threading.Event(), [], [0]

def use(act):
    try:
        while not ended.is_set():
            act()
    except BaseException as error:
        failed.append(repr(error))

def write():
    backend.enqueue([job("mail") for _ in range(20)])
    sent[0] += 20

consumer = backend.consume([QueueShare("none")], lease=30, worker="w")
acts = [write, lambda: backend.counts("mail"), lambda: consumer.fetch(1, 0.05)]
threads = [threading.Thread(target=use, args=(act,)) for act in acts]
for thread in threads:
    thread.start()
codes = []
for _ in range(15):
    child = os.fork()
    if child == 0:
        try:
            fresh = SQLiteBackend(sys.argv[1]); fresh.open()
            for _ in range(3):
                fresh.enqueue([job("child")])
            fresh.counts("mail")
            fresh.close()
        except BaseException as error:
            sys.stderr.write(f"child: {error!r}\\n")
            os._exit(1)
        os._exit(0)
    codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
ended.set()
for thread in threads:
    thread.join()
assert not any(codes), codes
assert not failed, failed
assert backend.counts("mail").ready == sent[0] > 0
assert backend.counts("child").ready == 45
backend.close()
print("good")
"""


def run_script(script: str, url: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", script, url],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


def test_fork_under_load_leaves_parent_and_children_a_file_to_use(url: str, path: Path) -> None:
    done = run_script(FORKED_UNDER_LOAD, url)

    assert done.stdout == "good\n", done.stderr
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


#: Looks for descriptors of the database right after a fork, and goes on in the parent.
FORKED_AND_LOOKED_AT = """
import os, sys
from anyjob.backends.sqlite import SQLiteBackend

path = sys.argv[1].removeprefix("sqlite:///")
backend = SQLiteBackend(sys.argv[1]); backend.open(); backend.counts("mail")

def opened():
    found = [os.path.realpath(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd")]
    return sum(name in (path, path + "-wal", path + "-shm") for name in found)

assert opened() > 0
child = os.fork()
if child == 0:
    os._exit(opened())
inherited = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
assert inherited == 0, inherited
assert backend.counts("mail").ready == 0 and opened() > 0
print("good")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_forked_child_inherits_no_open_database(url: str) -> None:
    done = run_script(FORKED_AND_LOOKED_AT, url)

    assert done.stdout == "good\n", done.stderr


FORKED_AND_REPLACED = """
import os, sys
from anyjob.backends.sqlite import SQLiteBackend
from anyjob.core.errors import BackendUnavailable

path = sys.argv[1].removeprefix("sqlite:///")
told = []
backend = SQLiteBackend(sys.argv[1]); backend.open()
backend.subscribe(lambda name, facts: told.append((name, facts["how"])))
child = os.fork()
if child == 0:
    os._exit(0)
os.waitpid(child, 0)
os.unlink(path)
try:
    backend.counts("mail")
except BackendUnavailable as error:
    print("deleted or replaced" in str(error), told)
print(backend.counts("mail").ready)
"""


def test_file_that_went_while_it_was_closed_for_a_fork_is_told(url: str) -> None:
    done = run_script(FORKED_AND_REPLACED, url)

    assert done.stdout == "True [('backend.replaced', 'deleted')]\n0\n", done.stderr


def test_consumer_that_closes_gives_back_what_it_holds(
    backend: SQLiteBackend, consumer: Consumer, job: MakeJob
) -> None:
    jobs = [job() for _ in range(5)]
    backend.enqueue(jobs)
    leases = consumer.fetch(4, 0)
    consumer.settle([Complete(lease=leases[0])])

    consumer.close(release=True)
    consumer.close(release=True)

    assert backend.counts("mail").ready == 4
    another = backend.consume([QueueShare("mail")], lease=30, worker="w")
    again = another.fetch(5, 0)
    assert [lease.id for lease in again] == [each.id for each in jobs[1:]]
    assert {(lease.attempt, lease.redeliveries) for lease in again} == {(1, 0)}


def test_fetch_that_meets_a_close_takes_nothing_after_its_release(
    backend: SQLiteBackend, consumer: Consumer, job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    [sent] = [job()]
    backend.enqueue([sent])
    assert isinstance(consumer, SQLiteConsumer)
    # Between its look and its claim: no call from outside comes there but by luck.
    look = consumer._look  # noqa: SLF001

    def look_while_it_closes(names: Sequence[str]) -> object:
        view = look(names)
        consumer.close(release=True)
        return view

    monkeypatch.setattr(consumer, "_look", look_while_it_closes)

    assert consumer.fetch(1, 0) == []
    another = backend.consume([QueueShare("mail")], lease=30, worker="w")
    assert [lease.id for lease in another.fetch(1, 0)] == [sent.id]


def test_open_that_fails_leaves_nothing_open(url: str, path: Path) -> None:
    backend = SQLiteBackend(url)
    backend.open()
    backend.close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE anyjob_meta SET version=9")
        connection.commit()

    with pytest.raises(BackendCorrupt):
        backend.open()
    with pytest.raises(Misuse):
        backend.counts("mail")

    assert open_files(path) == []


class Busy(threading.Thread):
    """Does something until that is misuse, and keeps any other error."""

    def __init__(self, work: Callable[[], object]) -> None:
        super().__init__()
        self._work = work
        self.surprise: BaseException | None = None

    def run(self) -> None:
        try:
            while self._work() is not None:
                pass
        except Misuse:
            return
        except BaseException as error:
            self.surprise = error


def test_closing_under_busy_threads_leaves_nothing_open(url: str, path: Path, job: MakeJob) -> None:
    for _ in range(10):
        backend = SQLiteBackend(url)
        backend.open()
        consumer = backend.consume([QueueShare("mail")], lease=30, worker="w")
        threads = [
            Busy(partial(enqueue_one, backend, job)),
            Busy(partial(enqueue_one, backend, job)),
            Busy(partial(consumer.fetch, 1, 600)),
        ]
        for thread in threads:
            thread.start()
        while backend.commits < 5:
            pass
        backend.close()
        for thread in threads:
            thread.join(timeout=20)
            assert not thread.is_alive()
            assert thread.surprise is None

    assert open_files(path) == []


def test_transaction_that_outlasts_close_lets_go_at_its_end(url: str, path: Path) -> None:
    backend = SQLiteBackend(url)
    backend.open()
    begun, go_on = threading.Event(), threading.Event()

    def last_long(connection: sqlite3.Connection) -> int:
        begun.set()
        go_on.wait(timeout=60)
        return int(connection.execute("SELECT 1").fetchone()[0])

    thread = Busy(lambda: backend._database.write(last_long, seconds=60))  # noqa: SLF001
    thread.start()
    begun.wait(timeout=10)
    backend.close()
    with_it = open_files(path)
    go_on.set()
    thread.join(timeout=20)

    assert not thread.is_alive()
    assert thread.surprise is None
    assert with_it
    assert open_files(path) == []


def enqueue_one(backend: SQLiteBackend, job: MakeJob) -> object:
    return backend.enqueue([job()])
