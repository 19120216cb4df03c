"""From the outcomes of its tests to the verdict on a property."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from anyjob.conformance.engine.declared import level_of
from anyjob.conformance.engine.known import NAME, KnownFailure
from anyjob.conformance.engine.outcome import Outcome, Status
from anyjob.conformance.example import Layer
from anyjob.conformance.manifest import Property

#: The worst that a test said is what counts; that nobody looked only where nobody did.
_WORST_FIRST = (
    Status.FAIL,
    Status.UNKNOWN,
    Status.VACUOUS,
    Status.ABSENT,
    Status.PASS,
    Status.UNTESTED,
)


class Failure(msgspec.Struct, frozen=True, omit_defaults=True):
    """One test that did not hold."""

    test: str
    message: str
    #: The command that runs it again.
    replay: str = ""


class Verdict(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is known of one property. Times in seconds."""

    status: Status
    #: The level that was reached, which is the one declared.
    level: str = ""
    reason: str = ""
    #: By what it was shown.
    layers: tuple[Layer, ...] = ()
    tests: int = 0
    seconds: float = 0.0
    marks: tuple[str, ...] = ()
    evidence: Mapping[str, int | float | str] = {}
    #: What was not looked at, where something else was.
    gaps: tuple[str, ...] = ()
    #: The hooks without which nothing was looked at.
    lacks: tuple[str, ...] = ()
    failures: tuple[Failure, ...] = ()


def judge(
    property_id: str,
    meant: Property,
    outcomes: Sequence[Outcome],
    *,
    capabilities: Mapping[str, object],
    known: KnownFailure | None = None,
    left_out: int = 0,
    not_run: str = "none of its tests ran",
) -> Verdict:
    """Fold what the tests of one property say.

    `left_out` of its tests did not run, and what the others say is then no whole verdict unless it
    is a bad one. `not_run` is the reason where there is none.
    """
    if not outcomes:
        waits = f"waits for: {meant.waits_for}" if meant.waits_for else ""
        return Verdict(Status.UNTESTED, reason=waits or not_run)
    said = [(_status_for(property_id, each), each) for each in outcomes]
    worst = min((status for status, _ in said), key=_WORST_FIRST.index)
    ran = [each for status, each in said if status is not Status.UNTESTED]
    verdict = Verdict(
        worst,
        level=_level(property_id, worst, ran, capabilities),
        reason="; ".join(_once(each.reason for status, each in said if status is worst)),
        layers=tuple(sorted({each.layer for each in ran})),
        tests=len(ran),
        seconds=round(sum(each.seconds for each in outcomes), 3),
        marks=tuple(sorted({mark for each in ran for mark in each.marks})),
        evidence=_summed(ran),
        gaps=_once(
            f"{each.layer}: {each.reason}"
            for status, each in said
            if status is Status.UNTESTED and worst is not Status.UNTESTED
        ),
        lacks=_once(each.lacks for each in outcomes) if worst is Status.UNTESTED else (),
        failures=tuple(Failure(each.test, each.message) for status, each in said if _bad(status)),
    )
    if left_out and verdict.status in (Status.PASS, Status.ABSENT):
        return msgspec.structs.replace(
            verdict,
            status=Status.UNTESTED,
            level="",
            reason=f"{verdict.tests} of its tests passed, {left_out} did not run",
        )
    return verdict if known is None else _with_known(verdict, known)


def _bad(status: Status) -> bool:
    return status in (Status.FAIL, Status.UNKNOWN, Status.VACUOUS)


def _status_for(property_id: str, outcome: Outcome) -> Status:
    """What a test says of this property: one that found others broken says nothing of it."""
    if _bad(outcome.status) and outcome.broken and property_id not in outcome.broken:
        return Status.UNTESTED
    return outcome.status


def _level(
    property_id: str, worst: Status, ran: Sequence[Outcome], capabilities: Mapping[str, object]
) -> str:
    if worst is Status.ABSENT:
        return "verified"
    if worst is not Status.PASS:
        return ""
    said = {each.level for each in ran if each.status is Status.PASS}
    # One test of several that has nothing to show at this level takes nothing from the others.
    said -= {"none", "no wire"} if len(said) > 1 else set()
    said.discard("")
    return ", ".join(sorted(said)) or level_of(property_id, capabilities)


def _summed(ran: Iterable[Outcome]) -> dict[str, int | float | str]:
    found: dict[str, int | float | str] = {}
    for outcome in ran:
        for name, value in outcome.evidence.items():
            before = found.get(name)
            if isinstance(before, int | float) and isinstance(value, int | float):
                found[name] = before + value
            else:
                found[name] = value
    return dict(sorted(found.items()))


def _once(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for text in texts if text))


def _with_known(verdict: Verdict, known: KnownFailure) -> Verdict:
    if verdict.status in (Status.FAIL, Status.VACUOUS):
        return msgspec.structs.replace(
            verdict, status=Status.XFAIL, reason=f"{known.reason} ({known.issue})"
        )
    if verdict.status in (Status.PASS, Status.ABSENT):
        return msgspec.structs.replace(
            verdict,
            status=Status.FAIL,
            reason=f"listed as a known failure ({known.issue}), and it holds now;"
            f" remove its entry from {NAME}",
        )
    return verdict
