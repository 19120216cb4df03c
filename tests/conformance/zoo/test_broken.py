"""Each mutant is failed by the property that forbids it, with the words that tell why, and by no
property that it has nothing to do with.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from anyjob.conformance.clock import FakeClock
from anyjob.conformance.scene import Scene
from tests.conformance.sqs.long import LONG
from tests.conformance.zoo.catalogue import BROKEN, MUTANTS
from tests.conformance.zoo.catalogue.declared import LIARS
from tests.conformance.zoo.judging import directed, judged, showing
from tests.conformance.zoo.mutant import Mutant, harness_of
from tests.conformance.zoo.thorough import CERTIFYING, SEED, pick
from tests.conformance.zoo.touching import touching

#: Where threads decide whether a defect shows, it has to be caught so many times in a row.
TRIES = pick(1, 20)
#: A quick run holds one example in so many against each mutant, others at another seed.
PARTS = pick(12, 1)
#: On servers that take their time, each run does.
SERVED = ("kombu", "rabbitmq", "sqs")
SERVED_PARTS = 12
#: What takes so many seconds to be caught that only certifying waits for it.
SLOW = ("a frozen server hangs a call",) * (not CERTIFYING)


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_mutant_passes_a_plain_cycle(mutant: Mutant) -> None:
    with Scene(harness_of(mutant), FakeClock()) as scene:
        [job] = scene.put()
        consumer = scene.consumer()
        lease = scene.one(consumer)

        scene.complete(consumer, lease)

        assert (lease.id, lease.body) == (job.id, job.body)
        scene.assert_idle(consumer)


@pytest.mark.parametrize("mutant", [each for each in BROKEN if each.name not in SLOW], ids=str)
def test_mutant_is_failed_by_its_property(
    mutant: Mutant, record_property: Callable[[str, object], None]
) -> None:
    record_property("zoo", "survived")

    caught_by_its_property(mutant)

    record_property("zoo", "killed")


@pytest.mark.parametrize("mutant", LIARS, ids=str)
def test_liar_is_failed_by_its_property(
    mutant: Mutant, record_property: Callable[[str, object], None]
) -> None:
    record_property("zoo", "liar believed")

    caught_by_its_property(mutant)

    record_property("zoo", "liar caught")


@pytest.mark.parametrize("at", range(len(MUTANTS)), ids=lambda at: str(MUTANTS[at]))
def test_mutant_fails_no_property_but_those_it_names(at: int) -> None:
    mutant = MUTANTS[at]
    parts = SERVED_PARTS if mutant.of in SERVED else PARTS
    part = directed()[(at + SEED) % parts :: parts]
    if mutant.of == "sqs":
        # Each of its requests passes three programs, so a quarter has to do; another at each seed.
        part = [each for each in part if not each[1].startswith(LONG)][(at + SEED) % 4 :: 4]
    if CERTIFYING and mutant.of not in SERVED:
        # In a quick run it takes as long to find out as it saves.
        part = touching(mutant, part)

    failed = {
        verdict.property_id: f"{verdict.test}: {verdict.failure}"
        for verdict in judged(harness_of(mutant), part)
        if verdict.failure is not None
    }

    for property_id in mutant.spoils | {mutant.fails}:
        failed.pop(property_id, None)
    assert not failed


def caught_by_its_property(mutant: Mutant) -> None:
    harness = harness_of(mutant)
    found = showing(mutant.fails)
    for _ in range(TRIES if mutant.chance else 1):
        failures: list[str] = []
        for verdict in judged(harness, found):
            if verdict.failure is not None:
                failures.append(f"{verdict.test}: {verdict.failure}")
            if failures and re.search(mutant.says, failures[-1]):
                break
        assert failures, f"{mutant.fails} passes"
        assert not any("VACUOUS" in failure for failure in failures), failures
        assert re.search(mutant.says, failures[-1]), failures
