"""Real pairs give what their store adds; `anyjob conformance` runs all of the suite on each."""

from __future__ import annotations

import pytest

from anyjob.conformance import Harness
from anyjob.conformance.scene import QUEUE, Scene
from anyjob.core.backend import CancelResult
from anyjob.core.envelope import ACCEPTED, Duplicate, Unique
from anyjob.core.settlement import Answer, Complete
from anyjob.core.state import State
from tests.conformance.paired.rabbit import RabbitRedisPair, RabbitSQLitePair
from tests.conformance.paired.sqs import SQSRedisPair

KEY = Unique("key")


@pytest.mark.parametrize("harness", [RabbitRedisPair, RabbitSQLitePair, SQSRedisPair])
def test_pair_gives_what_its_store_adds(harness: type[Harness]) -> None:
    with Scene(harness(), None) as scene:
        holder, cancelled = scene.job(unique=KEY), scene.job()

        assert scene.enqueue([holder, cancelled]) == [ACCEPTED] * 2
        assert scene.enqueue([holder]) == [Duplicate(holder.id)]
        assert scene.enqueue([scene.job(unique=KEY)]) == [Duplicate(holder.id)]
        assert scene.backend.cancel(QUEUE, [cancelled.id]) == [CancelResult.CANCELLED]
        consumer = scene.consumer()
        [lease] = scene.rest(consumer)
        assert lease.id == holder.id
        assert lease.body == holder.body
        done = Complete(lease=lease, outcome=b"result", keep=60.0)
        assert scene.settle(consumer, done) == [Answer.DONE]

        first, second = scene.backend.get(QUEUE, [holder.id, cancelled.id])
        assert first is not None
        assert (first.state, first.outcome) == (State.SUCCEEDED, b"result")
        assert second is not None
        assert second.state is State.CANCELLED
        assert scene.enqueue([holder]) == [Duplicate(holder.id)]
        assert scene.enqueue([scene.job(unique=KEY)]) == [ACCEPTED]
