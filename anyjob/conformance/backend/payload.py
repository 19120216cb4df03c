"""What travels, byte for byte: PAY."""

from __future__ import annotations

import msgspec
import pytest

from anyjob.conformance.backend.properties import BackendProperties
from anyjob.conformance.brief import brief
from anyjob.conformance.example import shows
from anyjob.conformance.scene import Scene
from anyjob.conformance.stage import only
from anyjob.core.envelope import Envelope
from anyjob.core.errors import NewerVersion, PayloadTooLarge
from anyjob.core.settlement import MAX_NOTE, Answer, Retry
from anyjob.core.wire import VERSION, Body, decode_body, encode_body

KIB_64 = 64 * 1024
BODIES = [
    b"",
    b"\x00",
    bytes(range(256)),
    b"\xff\xfe\xc0\xaf",
    b"line\r\nline\x00end",
    *(bytes(KIB_64 + step) for step in (-1, 0, 1)),
    bytes(range(256)) * 256,
]
#: A job of every released wire format, as its first release wrote it.
GOLDEN = {
    1: b'{"v":1,"id":"01890a5d-ac96-774b-bcce-b302099a8057","task":"send","args":{"order":7},'
    b'"queue":"mail","priority":9,"enqueued_at":1767225600.5,"run_at":1767229200.0,'
    b'"unique_key":"order 7","headers":{"traceparent":"00-ab-cd-01"}}',
}
HEADERS = {
    "": "",
    "plain": "value",
    "unicode": "Grüße, 你好, \U0001f680",
    "nul": "a\x00b",
    "crlf": "a\r\nSet-Cookie: b",
    "quotes": "\"'`\\",
    'né\n\x00"': "odd name",
    **{f"header-{number}": "x" * number for number in range(100)},
}


class Payload(BackendProperties):
    """Bytes in, the same bytes out; what is too large is refused before anything happens."""

    @shows("PAY-1")
    def test_pay_1_bodies_come_back_byte_for_byte(self, scene: Scene) -> None:
        jobs = [scene.put(body=body)[0] for body in BODIES]

        leases = scene.rest(scene.consumer())

        bodies = {lease.id: lease.body for lease in leases}
        assert [brief(bodies[job.id]) for job in jobs] == list(map(brief, BODIES))

    @shows("PAY-1")
    def test_pay_1_notes_and_outcomes_come_back_byte_for_byte(self, scene: Scene) -> None:
        scene.put()
        consumer = scene.consumer()

        for note in (b"\x00", bytes(range(256)), b"\xff\xfe", bytes(MAX_NOTE), b""):
            scene.settle(consumer, Retry(lease=scene.one(consumer), note=note))
            lease = only(scene.rest(consumer))
            assert brief(lease.note) == brief(note)
            scene.settle(consumer, Retry(lease=lease))

    @shows("PAY-1")
    def test_pay_1_largest_bodies_come_back_byte_for_byte(self, scene: Scene) -> None:
        most = scene.capabilities.max_payload
        consumer = scene.consumer()

        for size in (most - 1, most):
            body = b"\xff" + bytes(size - 2) + b"\x01"
            scene.put(body=body)
            lease = scene.one(consumer)
            assert brief(lease.body) == brief(body)
            scene.complete(consumer, lease)

    @shows("PAY-2")
    def test_pay_2_one_byte_too_many_is_refused(self, scene: Scene) -> None:
        too_large = bytes(scene.capabilities.max_payload + 1)
        jobs = [scene.job(), scene.job(body=too_large)][-scene.capabilities.max_batch :]

        with pytest.raises(PayloadTooLarge):
            scene.backend.enqueue(jobs)

        assert scene.counted() == (0, 0, 0, 0)
        scene.assert_idle(scene.consumer())

    @shows("PAY-2")
    def test_pay_2_note_of_one_byte_too_many_is_refused(self, scene: Scene) -> None:
        scene.put()
        consumer = scene.consumer()
        lease = scene.one(consumer)

        with pytest.raises(PayloadTooLarge):
            consumer.settle([Retry(lease=lease), Retry(lease=lease, note=bytes(MAX_NOTE + 1))])

        assert consumer.flush(5.0) == [], "part of a refused batch was buffered"
        scene.complete(consumer, lease)

    @shows("PAY-3")
    def test_pay_3_headers_come_back_equal(self, scene: Scene) -> None:
        scene.enqueue([_carrying(scene, HEADERS)])

        lease = scene.one(scene.consumer())

        assert decode_body(lease.body).headers == HEADERS

    @shows("PAY-4")
    def test_pay_4_change_after_enqueue_reaches_no_stored_job(self, scene: Scene) -> None:
        headers = {"trace": "1"}
        scene.enqueue([_carrying(scene, headers)])
        headers["trace"] = "changed"
        consumer = scene.consumer()

        for _ in range(2):
            lease = scene.one(consumer)
            body = decode_body(lease.body)
            assert body.headers == {"trace": "1"}
            body.headers["trace"] = "changed by the task"
            scene.settle(consumer, Retry(lease=lease))

    @shows("PAY-4")
    def test_pay_4_lists_that_were_handed_over_are_the_callers_again(self, scene: Scene) -> None:
        jobs = [scene.job() for _ in range(min(2, scene.capabilities.max_batch))]
        ids = [job.id for job in jobs]
        consumer = scene.consumer()

        scene.backend.enqueue(jobs)
        jobs.clear()
        leases = consumer.fetch(2, 0.0) + consumer.fetch(1, 0.0)
        assert sorted(lease.id for lease in leases) == ids
        settlements = [Retry(lease=lease) for lease in leases]
        consumer.settle(settlements)
        settlements.clear()
        leases.clear()

        assert [each.answer for each in consumer.flush(5.0)] == [Answer.DONE] * len(ids)
        assert [lease.attempt for lease in scene.rest(consumer)] == [2] * len(ids)

    @shows("PAY-5")
    def test_pay_5_golden_jobs_of_every_version_decode(self, scene: Scene) -> None:
        assert set(GOLDEN) == set(range(1, VERSION + 1))
        consumer = scene.consumer()

        for version, golden in GOLDEN.items():
            scene.put(body=golden)
            lease = scene.one(consumer)
            assert lease.body == golden
            body = decode_body(lease.body)
            assert (body.v, body.task, body.queue, body.priority) == (version, "send", "mail", 9)
            assert msgspec.json.decode(body.args) == {"order": 7}
            assert body.headers == {"traceparent": "00-ab-cd-01"}
            scene.complete(consumer, lease)

    @shows("PAY-5")
    def test_pay_5_unknown_version_is_handed_over_as_such(self, scene: Scene) -> None:
        newer = b'{"v":%d,"id":"x","something":["else"]}' % (VERSION + 1)
        scene.put(body=newer)

        lease = scene.one(scene.consumer())

        assert lease.body == newer
        with pytest.raises(NewerVersion):
            decode_body(lease.body)


def _carrying(scene: Scene, headers: dict[str, str]) -> Envelope:
    job = scene.job()
    body = Body(
        v=VERSION, id=job.id, task="t", args=msgspec.Raw(b"{}"), enqueued_at=0.0, headers=headers
    )
    return msgspec.structs.replace(job, body=encode_body(body))
