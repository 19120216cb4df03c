"""What is declared is true: CAP."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from anyjob.conformance.absences import CALLS
from anyjob.conformance.backend.properties import BackendProperties
from anyjob.conformance.example import shows
from anyjob.conformance.levels import reached
from anyjob.conformance.scene import QUEUE, Scene
from anyjob.core.backend import QueueShare
from anyjob.core.envelope import ACCEPTED, Envelope
from anyjob.core.errors import (
    AnyjobError,
    ConfigurationError,
    InvalidOption,
    PayloadTooLarge,
    UnsupportedCapability,
)
from anyjob.core.settlement import MAX_NOTE, Answer, Bury, Retry
from anyjob.core.state import State

SECRET = b"account 4929-1234-5678-9012 of a customer, to be seen by nobody but the task " * 10

#: Half of a surrogate pair, which UTF-8 cannot write.
_NO_TEXT = "\udc80"


class Declared(BackendProperties):
    """Levels are reached, numbers hold, absences refuse, and errors are of our tree."""

    @shows("CAP-1")
    def test_cap_1_what_is_declared_absent_is_refused_by_name(self, scene: Scene) -> None:
        absent = [capability for capability in CALLS if scene.lacks(capability)]

        for capability in absent:
            scene.verify_absent(capability)

        scene.status = (
            f"ABSENT(verified): {', '.join(absent)}" if absent else "PASS: none is absent"
        )

    @shows("CAP-2")
    def test_cap_2_declared_levels_are_those_reached(self, scene: Scene) -> None:
        levels = reached(scene)

        declared = {field: getattr(scene.capabilities, field) for field in levels}

        assert levels == declared, "over-declared or under-declared"

    @shows("CAP-3")
    def test_cap_3_numbers_hold_at_the_limit_and_raise_past_it(self, scene: Scene) -> None:
        most = scene.capabilities.max_batch
        assert scene.backend.enqueue([scene.job() for _ in range(most)]) == [ACCEPTED] * most
        with pytest.raises(ConfigurationError):
            scene.backend.enqueue([scene.job() for _ in range(most + 1)])
        consumer = scene.consumer()
        lease = scene.one(consumer)
        assert scene.settle(consumer, Retry(lease=lease, note=bytes(MAX_NOTE))) == [Answer.DONE]
        with pytest.raises(PayloadTooLarge):
            consumer.settle([Retry(lease=lease, note=bytes(MAX_NOTE + 1))])

        if not scene.lacks("browse"):
            scene.backend.browse(QUEUE, State.DEAD, None, 1000)
            for limit in (0, 1001):
                with pytest.raises(InvalidOption):
                    scene.backend.browse(QUEUE, State.DEAD, None, limit)

    @shows("CAP-3")
    def test_cap_3_largest_payload_holds_and_one_byte_more_is_refused(self, scene: Scene) -> None:
        most = scene.capabilities.max_payload

        assert scene.backend.enqueue([scene.job(body=bytes(most))]) == [ACCEPTED]
        with pytest.raises(PayloadTooLarge):
            scene.backend.enqueue([scene.job(body=bytes(most + 1))])

        assert scene.counted() == (1, 0, 0, 0)

    @shows("CAP-3")
    def test_cap_3_longest_delay_and_lease_hold_and_one_second_more_is_refused(
        self, scene: Scene
    ) -> None:
        scene.put()
        consumer = scene.consumer()
        lease = scene.one(consumer)
        longest: list[tuple[str, float, Callable[[float], object]]] = []
        if scene.capabilities.max_delay is not None:
            delaying = partial(_delaying, scene)
            longest.append(("max_delay", scene.capabilities.max_delay, delaying))
        if scene.capabilities.max_lease is not None:
            extending = partial(consumer.extend, [lease])
            longest.append(("max_lease", scene.capabilities.max_lease, extending))

        for name, most, ask in longest:
            ask(most)
            with pytest.raises(UnsupportedCapability) as refusal:
                ask(most + max(1.0, scene.capabilities.resolution))
            assert refusal.value.name == name

    @shows("CAP-4")
    def test_cap_4_every_error_is_of_our_tree(self, scene: Scene) -> None:
        consumer = scene.consumer()
        backend = scene.backend
        scene.put()
        held = scene.one(consumer)
        wrong: list[Callable[[], object]] = [
            lambda: backend.enqueue([scene.job(body="text")]),
            lambda: backend.enqueue([scene.job(priority="high")]),
            lambda: backend.enqueue([scene.job(queue="no such: name")]),
            lambda: backend.enqueue([scene.job(due="tomorrow")]),
            lambda: backend.enqueue([Envelope(_NO_TEXT, QUEUE, b"")]),
            lambda: backend.consume([], lease=30.0, worker="w"),
            lambda: backend.consume([QueueShare("a b")], lease=30.0, worker="w"),
            lambda: backend.consume([QueueShare(QUEUE, 0)], lease=30.0, worker="w"),
            lambda: backend.consume([QueueShare(QUEUE)], lease=0.0, worker="w"),
            lambda: consumer.fetch(0, 0.0),
            lambda: backend.counts("a b"),
            lambda: backend.get("a b", []),
            lambda: backend.browse(QUEUE, State.DEAD, "no cursor of ours", 10),
            lambda: backend.browse(QUEUE, State.SUCCEEDED, None, 10),
            lambda: backend.purge(QUEUE, [State.LEASED]),
            lambda: consumer.settle([Bury(lease=held, reason=_NO_TEXT)]),
        ]

        for call in wrong:
            with pytest.raises(AnyjobError) as caught:
                call()
            assert caught.value.retryable is False
            assert str(caught.value)

        scene.assert_idle(consumer)

    @shows("CAP-5")
    def test_cap_5_capabilities_are_constant_and_name_the_product(self, scene: Scene) -> None:
        before = scene.capabilities

        scene.put(3)
        scene.rest(scene.consumer())
        scene.keep_up()

        assert scene.backend.capabilities == before
        assert scene.fresh().capabilities == before
        assert before.product
        assert before.version
        if before.emulator:
            scene.status = "PASS(emulated)"

    @shows("CAP-6")
    def test_cap_6_no_error_repr_or_log_line_shows_a_payload(self, scene: Scene) -> None:
        heard = scene.hear_logs()
        too_large = SECRET * (scene.capabilities.max_payload // len(SECRET) + 1)
        said: list[str] = []

        for wrong in (
            scene.job(body=too_large),
            scene.job(body=SECRET.decode()),
            scene.job(body=SECRET, priority=10),
            scene.job(body=SECRET, queue="no such: name"),
        ):
            with pytest.raises(AnyjobError) as caught:
                scene.backend.enqueue([wrong])
            said += [str(caught.value), repr(caught.value)]
        scene.put(body=SECRET)
        consumer = scene.consumer()
        consumer.settle([Retry(lease=scene.one(consumer), note=SECRET)])
        said += [repr(scene.backend), repr(consumer), *heard]
        consumer.flush(5.0)

        shown = [text for text in said if SECRET[:40].decode() in text]
        assert not shown


def _delaying(scene: Scene, delay: float) -> object:
    return scene.backend.enqueue([scene.job(due=delay)])
