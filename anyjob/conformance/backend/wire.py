"""What a bad wire may do, and what it may not."""

from __future__ import annotations

import threading
from collections.abc import Callable
from difflib import SequenceMatcher
from urllib.parse import urlsplit

import pytest

from anyjob.conformance.backend.every_call import every_call
from anyjob.conformance.backend.properties import BackendProperties
from anyjob.conformance.backend.widened import hangs, in_doubt
from anyjob.conformance.crash.outage import CALLS_END
from anyjob.conformance.crash.wireless import lose_answer, over_wire
from anyjob.conformance.example import shows
from anyjob.conformance.residue import threads_now
from anyjob.conformance.scene import QUEUE, Scene
from anyjob.conformance.settlements import KINDS, settlement
from anyjob.conformance.stage import SLACK, eventually
from anyjob.conformance.threads import Background
from anyjob.conformance.wire import Proxy
from anyjob.core.envelope import Envelope
from anyjob.core.errors import AnyjobError, BackendError
from anyjob.core.settlement import Complete, Lease, Retry, Settlement

#: Bytes of a piece while a client opens.
_OPENING = 64
SECRET = b"account 4929-1234-5678-9012 of a customer, to be seen by nobody but the task"


class Wire(BackendProperties):
    """Requests and answers are lost, late, in pieces, or kept back."""

    @shows("CRS-3", layer="crash")
    @over_wire
    def test_crs_3_settlement_that_lost_its_answer_is_unknown_and_costs_one_redelivery(
        self, scene: Scene, proxy: Proxy
    ) -> None:
        for kind in KINDS:
            [job] = scene.put()
            consumer = scene.consumer(backend=scene.fresh(proxy=proxy))
            ending = _settlement(scene, kind, scene.one(consumer))
            lose_answer(proxy)

            assert scene.settle(consumer, ending) in in_doubt(scene)

            assert proxy.was_cut, f"VACUOUS: the {kind} sent nothing"
            scene.outlast()
            drain = scene.consumer()
            leases = scene.rest(drain)
            # What follows a job is sent before it is removed, where that is no one step.
            most = 1 if scene.capabilities.exclusive else 2
            assert {lease.id for lease in leases} <= {job.id}
            assert len(leases) <= most
            scene.complete(drain, *leases)

    @shows("CRS-4", layer="crash", also=("CAP-4",))
    @over_wire
    def test_crs_4_calls_over_a_silent_wire_end_with_a_retryable_error(
        self, scene: Scene, proxy: Proxy
    ) -> None:
        scene.put(3)
        before = threads_now()
        backend = scene.fresh(proxy=proxy)
        consumer = scene.consumer(backend=backend)
        leases = scene.take(consumer, 2)
        proxy.is_silent = True

        running = [Background(call) for call in every_call(scene, backend, consumer, leases)]
        for each in running:
            with pytest.raises(AnyjobError) as caught:
                each.result(CALLS_END)
            assert caught.value.retryable, f"{caught.value!r} is not retryable"
            assert caught.value.__cause__ is not None

        assert eventually(lambda: proxy.open_connections == 0, SLACK), "a socket stays open"
        backend.close()
        assert eventually(lambda: not _threads_since(before), SLACK), "a thread waits on"

    @shows("CRS-4", layer="crash")
    @over_wire
    def test_crs_4_slow_wire_in_pieces_changes_no_call(self, scene: Scene, proxy: Proxy) -> None:
        for piece, delay in ((1, 0.0), (7, 0.0), (200, 0.005)):
            # What a client says to a server once, when it opens, may be long.
            proxy.piece, proxy.delay = _OPENING, 0.0
            backend = scene.fresh(proxy=proxy)
            proxy.piece, proxy.delay = piece, delay
            jobs = scene.put(3, backend=backend, body=bytes(range(256)))
            consumer = scene.consumer(backend=backend)
            leases = scene.take(consumer, 3)

            assert {lease.id: lease.body for lease in leases} == {job.id: job.body for job in jobs}
            assert consumer.extend(leases, scene.lease) == []
            scene.complete(consumer, *leases)
            assert not backend.counts(QUEUE).leased

    @shows("CRS-9", layer="crash")
    @over_wire
    def test_crs_9_call_that_lost_its_answer_is_on_the_wire_once(
        self, scene: Scene, proxy: Proxy
    ) -> None:
        scene.put(3)
        backend = scene.fresh(proxy=proxy)
        consumer = scene.consumer(backend=backend)
        leases = scene.take(consumer, 2)
        consumer.settle([Complete(lease=leases[0])])
        calls: list[Callable[[], object]] = [
            lambda: backend.enqueue([scene.job()]),
            lambda: consumer.flush(SLACK),
            lambda: consumer.fetch(1, 0.0),
        ]
        if not hangs(scene):
            calls.append(lambda: consumer.extend(leases[1:], scene.lease))
        if not scene.lacks("pause"):
            calls.append(lambda: backend.pause(QUEUE))

        for call in calls:
            _or_refused(lambda: backend.counts(QUEUE))  # is connected: none but the call is lost
            first = len(proxy.requests)
            lose_answer(proxy)
            _or_refused(call)
            lost, *later = proxy.requests[first:]
            assert proxy.was_cut
            again = [bytes(each) for each in later if _is_resent(bytes(lost), bytes(each))]
            assert not again, f"sent again in secret: {again[0]!r:.200}"

    @shows("CAP-6", layer="crash", also=("CAP-4",))
    @over_wire
    def test_cap_6_no_error_of_a_bad_wire_shows_a_password_or_a_payload(
        self, scene: Scene, proxy: Proxy
    ) -> None:
        heard = scene.hear_logs()
        backend = scene.fresh(proxy=proxy)
        consumer = scene.consumer(backend=backend)
        scene.put(body=SECRET)
        lease = scene.one(consumer)
        said: list[str] = [repr(backend), repr(consumer)]
        consumer.settle([Retry(lease=lease, note=SECRET)])

        def lose_next() -> None:
            backend.counts(QUEUE)  # is connected: the answer to the call itself is lost
            lose_answer(proxy)

        calls: list[Callable[[], object]] = [
            lambda: backend.enqueue([scene.job(body=SECRET)]),
            lambda: backend.counts(QUEUE),
        ]
        if not hangs(scene):
            calls.append(lambda: consumer.extend([lease], scene.lease))
        for break_it in (lose_next, proxy.go_down):
            for call in calls:
                break_it()
                with pytest.raises(AnyjobError) as caught:
                    call()
                said += _all_said(caught.value)

        secrets = [SECRET[:40].decode()]
        password = urlsplit(str(scene.through(proxy).url)).password
        secrets += [password] if password else []
        said += heard
        assert not [text for text in said for secret in secrets if secret in text]


def _or_refused(call: Callable[[], object]) -> object:
    """What a call returned; None if it raised one of our retryable errors."""
    try:
        return call()
    except BackendError as error:
        assert error.retryable  # noqa: PT017 - it may be raised, or not
        return None


def _settlement(
    scene: Scene, kind: str, lease: Lease, then: tuple[Envelope, ...] = ()
) -> Settlement:
    """One of that kind; of another kind where the backend has no dead letters."""
    known = "complete" if kind == "bury" and scene.lacks("dead") else kind
    return settlement(known, lease, then=then)


def _is_resent(lost: bytes, later: bytes) -> bool:
    """Whether nine tenths of the one are in the other, in one piece: a number or two may differ.

    Of HTTP the bodies are compared: a head may have a date, an id and a signature of its own.
    """
    lost, later = _content(lost), _content(later)
    match = SequenceMatcher(None, lost, later, autojunk=False).find_longest_match()
    return match.size >= 0.9 * len(lost)


def _content(request: bytes) -> bytes:
    head, _, body = request.partition(b"\r\n\r\n")
    is_http = head.partition(b"\r\n")[0].endswith(b" HTTP/1.1")
    return body if is_http and body else request


def _threads_since(before: set[int]) -> list[str]:
    """Threads that are neither older nor the suite's own."""
    new = [thread for thread in threading.enumerate() if thread.ident not in before]
    return [thread.name for thread in new if thread.name not in ("proxy", "conformance")]


def _all_said(error: BaseException | None) -> list[str]:
    said: list[str] = []
    while error is not None:
        said += [str(error), repr(error)]
        error = error.__cause__ or error.__context__
    return said
