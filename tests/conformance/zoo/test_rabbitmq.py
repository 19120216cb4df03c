"""Each mutant of the RabbitMQ backend is failed by examples of its property that its entry names,
in real time.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.conformance.zoo.catalogue.rabbitmq import RABBITMQ
from tests.conformance.zoo.judging import failure_of, showing
from tests.conformance.zoo.mutant import Mutant, harness_of


@pytest.mark.parametrize("mutant", RABBITMQ, ids=str)
def test_mutant_is_failed_by_its_property(
    mutant: Mutant, record_property: Callable[[str, object], None]
) -> None:
    record_property("zoo", "survived")
    harness = harness_of(mutant)
    examples = [each for each in showing(mutant.fails) if mutant.says in each[1]]

    failures = [failure_of(harness, group, name, "own") for group, name, _ in examples]

    assert any(failures), f"{mutant.fails} passes"
    assert not any("VACUOUS" in (failure or "") for failure in failures), failures
    record_property("zoo", "killed")


def test_there_are_six_of_them() -> None:
    assert len(RABBITMQ) >= 6
