"""A report as JUnit XML: a case for each property, with what is known of it as properties."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator

from anyjob.conformance.engine.outcome import Status
from anyjob.conformance.engine.report import Report
from anyjob.conformance.engine.verdict import Verdict
from anyjob.conformance.manifest import property_of

#: What XML cannot hold, however it is written.
_UNWRITABLE = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(report: Report) -> bytes:
    """Return the document. FAIL and VACUOUS are failures, UNKNOWN is an error, UNTESTED and XFAIL
    are skipped.
    """
    root = ET.Element("testsuites", name=f"conformance of {report.harness}")
    for name, part in report.parts.items():
        suite = ET.SubElement(
            root,
            "testsuite",
            name=f"{report.harness} {name}",
            tests=str(len(part.properties)),
            failures=str(_count(part.properties.values(), Status.FAIL, Status.VACUOUS)),
            errors=str(_count(part.properties.values(), Status.UNKNOWN)),
            skipped=str(_count(part.properties.values(), Status.UNTESTED, Status.XFAIL)),
            time=f"{sum(each.seconds for each in part.properties.values()):.3f}",
        )
        facts = ET.SubElement(suite, "properties")
        for key, value in _of_the_run(report, name):
            ET.SubElement(facts, "property", name=key, value=_text(value))
        for id, verdict in part.properties.items():
            _add_case(suite, report, name, id, verdict)
    ET.indent(root)
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def _count(verdicts: object, *statuses: Status) -> int:
    return sum(each.status in statuses for each in verdicts)  # type: ignore[attr-defined]


def _of_the_run(report: Report, name: str) -> Iterator[tuple[str, object]]:
    part = next(part for each, part in report.parts.items() if each == name)
    yield "contract", report.contract
    yield "suite", report.suite
    yield "tier", report.tier
    yield "seed", report.seed
    yield "product", part.product
    yield "version", part.version
    yield "emulator", part.emulator
    for profile, certificate in part.profiles.items():
        yield f"profile.{profile}", certificate.standing
    for field, value in part.capabilities.items():
        yield f"capability.{field}", value


def _add_case(suite: ET.Element, report: Report, part: str, id: str, verdict: Verdict) -> None:
    case = ET.SubElement(
        suite,
        "testcase",
        classname=f"{report.harness}.{part}",
        name=id,
        time=f"{verdict.seconds:.3f}",
    )
    facts = ET.SubElement(case, "properties")
    for key, value in _of(report, id, verdict):
        ET.SubElement(facts, "property", name=key, value=_text(value))
    kind = {
        Status.FAIL: "failure",
        Status.VACUOUS: "failure",
        Status.UNKNOWN: "error",
        Status.UNTESTED: "skipped",
        Status.XFAIL: "skipped",
    }.get(verdict.status)
    if kind is not None:
        said = ET.SubElement(case, kind, message=_text(f"{verdict.status}: {verdict.reason}"))
        said.text = _text("\n\n".join(f"{each.test}\n{each.message}" for each in verdict.failures))


def _of(report: Report, id: str, verdict: Verdict) -> Iterator[tuple[str, object]]:
    yield "statement", property_of(id).statement
    yield "status", verdict.status
    yield "seed", report.seed
    if verdict.level:
        yield "level", verdict.level
    for field in ("layers", "marks", "gaps"):
        for value in getattr(verdict, field):
            yield field.removesuffix("s"), value
    for name, value in verdict.evidence.items():
        yield f"evidence.{name}", value


def _text(value: object) -> str:
    return _UNWRITABLE.sub("�", str(value))
