"""The outcomes of one run, whichever process they come from, and the reports made of them."""

from __future__ import annotations

from collections.abc import Iterable

from anyjob.conformance.effort import Effort, effort
from anyjob.conformance.engine.known import KnownFailure
from anyjob.conformance.engine.outcome import Outcome
from anyjob.conformance.engine.report import Report, report_on
from anyjob.conformance.engine.suites import Part


class Gathered:
    """What the tests of each suite came to."""

    def __init__(self) -> None:
        #: By harness and by "backend" or "store".
        self._outcomes: dict[str, dict[str, list[Outcome]]] = {}

    def expect(self, part: type[Part]) -> None:
        """Note that tests of this part were collected, whether they will be run or not."""
        self._of(type(part.harness).__name__, part.part)

    def add(self, outcome: Outcome) -> None:
        """Take one outcome in."""
        self._of(outcome.suite, outcome.part).append(outcome)

    def _of(self, suite: str, part: str) -> list[Outcome]:
        return self._outcomes.setdefault(suite, {}).setdefault(part, [])

    def of(self, suite: str) -> list[Outcome]:
        """Every outcome of one suite, in the order in which they came."""
        return [each for part in self._outcomes.get(suite, {}).values() for each in part]

    def reports(self, known: Iterable[KnownFailure], spent: Effort | None = None) -> list[Report]:
        """One report for each suite, by the harness's name."""
        return [
            report_on(suite, parts, known=known, spent=spent or effort())
            for suite, parts in sorted(self._outcomes.items())
        ]
