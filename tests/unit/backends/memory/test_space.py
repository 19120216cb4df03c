"""Which connections share jobs, and which never meet."""

import gc
import os
import weakref
from collections.abc import Callable

import pytest

from anyjob.backends.memory import MemoryBackend, MemoryStore
from anyjob.conformance.clock import FakeClock
from anyjob.core.backend import QueueShare
from anyjob.core.envelope import Envelope
from anyjob.core.errors import ConfigurationError, Misuse
from anyjob.core.store import Put

JOB = Envelope("id", "q", b"body")


def opened(url: str, namespace: str = "anyjob") -> MemoryBackend:
    backend = MemoryBackend(url, namespace=namespace)
    backend.open()
    return backend


def ready(backend: MemoryBackend) -> int:
    return backend.counts("q").ready


def test_a_nameless_space_belongs_to_its_object_alone() -> None:
    one, other = opened("memory://"), opened("memory://")

    one.enqueue([JOB])

    assert (ready(one), ready(other)) == (1, 0)


def test_a_named_space_is_shared_by_its_name_and_namespace() -> None:
    one, same = opened("memory://shared"), opened("memory://shared")
    elsewhere, other = opened("memory://shared", "other"), opened("memory://other")

    one.enqueue([JOB])

    assert [ready(each) for each in (one, same, elsewhere, other)] == [1, 1, 0, 0]


def test_a_named_space_goes_with_the_last_who_holds_it() -> None:
    one = opened("memory://passing")
    one.enqueue([JOB])
    one.close()
    del one
    gc.collect()

    assert ready(opened("memory://passing")) == 0


def test_closing_and_opening_again_finds_the_jobs() -> None:
    backend = opened("memory://")
    backend.enqueue([JOB])

    backend.close()
    backend.open()

    assert ready(backend) == 1


def test_a_backends_store_is_that_of_its_space() -> None:
    backend, named = opened("memory://"), opened("memory://with-store")
    stores = [backend.store(), backend.store(), named.store(), MemoryStore("memory://with-store")]
    for store in stores:
        store.open()

    stores[0].put([Put("key", b"private")])
    stores[2].put([Put("key", b"shared")])

    values = [entry.value for store in stores for entry in store.get(["key"]) if entry]
    assert values == [b"private", b"private", b"shared", b"shared"]


def test_a_closed_backend_leaves_nothing_behind() -> None:
    backend = opened("memory://")
    consumer = backend.consume([QueueShare("q")], lease=30, worker="w")
    gone = weakref.ref(backend._place.space())  # noqa: SLF001 - whether it is freed shows nowhere else

    backend.close()
    del backend, consumer
    gc.collect()

    assert gone() is None


def test_a_space_is_counted_by_one_clock() -> None:
    first = MemoryBackend("memory://timed", clock=FakeClock())
    first.open()
    second = MemoryBackend("memory://timed", clock=FakeClock())

    with pytest.raises(ConfigurationError, match="the same clock, or with none"):
        second.open()


@pytest.mark.parametrize(
    ("url", "wrong"),
    [
        ("memory://name/path", "path"),
        ("memory://?size=5", "option"),
        ("memory://name#part", "fragment"),
        ("memory://name:80", "port"),
        ("memory://user:secret@name", "user or password"),
        ("memory://:secret@name:80/path?a=b", "user or password and no port and no path"),
    ],
)
@pytest.mark.parametrize("kind", [MemoryBackend, MemoryStore])
def test_a_url_with_more_than_a_name_is_refused_without_showing_it(
    kind: Callable[[str], object], url: str, wrong: str
) -> None:
    with pytest.raises(ConfigurationError, match=f"takes no {wrong}.*did you mean") as caught:
        kind(url)

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["memory://no spaces", "memory://-dash", "sqlite:///file"])
def test_a_url_that_names_no_space_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="expected"):
        MemoryBackend(url)


def answers_in_a_child(*calls: Callable[[], object]) -> list[str]:
    """Fork, call each in the child, and return what came of it."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(writing, "\n".join(map(outcome_of, calls)).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        answers = pipe.read().split("\n")
    os.waitpid(pid, 0)
    return answers


def outcome_of(call: Callable[[], object]) -> str:
    try:
        return repr(call())
    except Exception as error:
        return type(error).__name__


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_meets_an_error_and_never_the_parents_jobs() -> None:
    backend = opened("memory://forked")
    store = backend.store()
    store.open()
    consumer = backend.consume([QueueShare("q")], lease=30, worker="w")
    backend.enqueue([JOB])

    with backend._place.space().lock:  # noqa: SLF001 - as if a thread held it at the fork
        answers = answers_in_a_child(
            lambda: backend.enqueue([JOB]),
            backend.open,
            lambda: consumer.fetch(1, 0),
            lambda: store.get(["key"]),
            lambda: consumer.close(release=True),
            backend.close,
            lambda: ready(opened("memory://forked")),
        )

    assert answers == ["Misuse", "Misuse", "Misuse", "Misuse", "None", "None", "0"]
    assert ready(backend) == 1


def test_an_unopened_and_a_closed_object_say_so() -> None:
    backend, store = MemoryBackend("memory://"), MemoryStore("memory://")
    with pytest.raises(Misuse, match=r"MemoryBackend\('memory://'\) is not open"):
        backend.counts("q")
    with pytest.raises(Misuse, match=r"MemoryStore\('memory://'\) is not open"):
        store.get(["key"])

    backend.open()
    consumer = backend.consume([QueueShare("q")], lease=30, worker="w")
    consumer.close(release=True)
    with pytest.raises(Misuse, match="this consumer is closed"):
        consumer.fetch(1, 0)
