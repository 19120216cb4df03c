"""What a run found, as a value and as versioned JSON."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from anyjob.conformance.catalogue import shown_by
from anyjob.conformance.effort import Effort, Tier
from anyjob.conformance.engine.known import KnownFailure, known_for
from anyjob.conformance.engine.outcome import BAD, Outcome, Status
from anyjob.conformance.engine.profiles import PARTS, Certificate, Part, certificates
from anyjob.conformance.engine.verdict import Verdict, judge
from anyjob.conformance.manifest import CONTRACT, properties_of

#: Of the shape of the report; a change that breaks a reader makes it 2.
VERSION = 1


class PartReport(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was found of a backend, or of a store."""

    #: As the opened object says; empty where none could be opened.
    product: str
    version: str
    emulator: bool
    capabilities: Mapping[str, Any]
    profiles: Mapping[str, Certificate]
    #: In the order of the contract.
    properties: Mapping[str, Verdict]


class Report(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a run of one suite found. Keys that end in `seconds` or `at` are times."""

    report: int
    contract: str
    #: The release of anyjob that the suite is of.
    suite: str
    harness: str
    tier: Tier
    seed: int
    #: Whether every test of the suite ran; one that did not leaves nothing certified.
    complete: bool
    parts: Mapping[Part, PartReport]
    #: Listed as known failures and not failing.
    surprises: tuple[str, ...] = ()
    interrupted: bool = False
    #: The properties that were chosen; all, if none.
    only: tuple[str, ...] = ()
    seconds: float = 0.0
    made_at: str = ""

    @property
    def verdicts(self) -> dict[str, Verdict]:
        """Every verdict by property."""
        return {id: each for part in self.parts.values() for id, each in part.properties.items()}

    @property
    def counts(self) -> dict[Status, int]:
        """How many of the chosen properties came to each status, in the order of the statuses."""
        chosen = {*self.only} or self.verdicts.keys()
        found = Counter(each.status for id, each in self.verdicts.items() if id in chosen)
        return {status: found[status] for status in Status if found[status]}

    @property
    def is_clean(self) -> bool:
        """Whether nothing is broken, vacuous or unknown."""
        return not any(verdict.status in BAD for verdict in self.verdicts.values())


def report_on(
    harness: str,
    outcomes: Mapping[str, Sequence[Outcome]],
    *,
    known: Iterable[KnownFailure],
    spent: Effort,
    only: Collection[str] = (),
    interrupted: bool = False,
) -> Report:
    """Judge every property of the parts of a suite, from what its tests came to."""
    # The version is the release's; the user's door is imported here because it imports no suite.
    from anyjob import __version__

    known = tuple(known)
    parts: dict[Part, PartReport] = {}
    surprises: list[str] = []
    for name in PARTS:
        if name in outcomes:
            parts[name], surprising = _part(name, harness, outcomes[name], known, only)
            surprises += surprising
    return Report(
        report=VERSION,
        contract=CONTRACT,
        suite=__version__,
        harness=harness,
        tier=spent.tier,
        seed=spent.seed,
        complete=all(_names(outcomes[part]) >= shown_by(part).keys() for part in parts),
        parts=parts,
        surprises=tuple(surprises),
        interrupted=interrupted,
        only=tuple(only),
        seconds=round(sum(each.seconds for found in outcomes.values() for each in found), 3),
        made_at=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    )


def _names(outcomes: Sequence[Outcome]) -> set[str]:
    """The names of the tests that ran, on whichever clock."""
    return {each.test.partition("/")[2].partition("[")[0] for each in outcomes}


def _part(
    name: Part,
    harness: str,
    outcomes: Sequence[Outcome],
    known: Sequence[KnownFailure],
    only: Collection[str],
) -> tuple[PartReport, list[str]]:
    declared = next((each.capabilities for each in outcomes if each.capabilities is not None), {})
    ran = _names(outcomes)
    verdicts: dict[str, Verdict] = {}
    surprises: list[str] = []
    for id, meant in properties_of(name).items():
        chosen = not only or id in only
        showing = {test for test, ids in shown_by(name).items() if id in ids}
        entry = known_for(known, id, harness)
        verdicts[id] = judge(
            id,
            meant,
            [each for each in outcomes if id in each.properties and (chosen or each.beside)],
            capabilities=declared,
            known=entry,
            left_out=len(showing - ran) if chosen else 0,
            not_run="none of its tests ran" if chosen else "not chosen",
        )
        if entry is not None and verdicts[id].status is Status.FAIL:
            surprises.append(id)
    part = PartReport(
        product=str(declared.get("product", "")),
        version=str(declared.get("version", "")),
        emulator=bool(declared.get("emulator", False)),
        capabilities=declared,
        profiles=certificates(name, verdicts, declared),
        properties=verdicts,
    )
    return part, surprises


def encoded(report: Report) -> bytes:
    """The report as JSON, two spaces deep."""
    return msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n"


def write_json(report: Report, path: Path) -> None:
    """Write report.json; folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encoded(report))


def read_json(path: Path) -> Report:
    """Read a report that was written; raises msgspec.ValidationError, or OSError."""
    return msgspec.json.decode(path.read_bytes(), type=Report)
