"""How outcomes become verdicts, and verdicts certificates."""

from __future__ import annotations

import datetime
from typing import Any

import msgspec
import pytest

from anyjob.backends.memory import MemoryBackend
from anyjob.conformance.engine.badge import badge
from anyjob.conformance.engine.known import KnownFailure
from anyjob.conformance.engine.matrix import matrix
from anyjob.conformance.engine.outcome import Outcome, Status, written
from anyjob.conformance.engine.profiles import (
    NAMED,
    Certificate,
    certificates,
    is_excused,
    properties_in,
)
from anyjob.conformance.engine.report import PartReport, Report, read_json, write_json
from anyjob.conformance.engine.verdict import Verdict, judge
from anyjob.conformance.manifest import CONTRACT, backend_properties, property_of

KNOWN = KnownFailure("LSE-4", "known", "#1", datetime.date(2999, 1, 1))


def outcome(status: str, **fields: Any) -> Outcome:
    properties = fields.pop("properties", ("LSE-4",))
    broken = fields.pop("broken", properties if status in ("FAIL", "VACUOUS", "UNKNOWN") else ())
    return Outcome(
        suite="Coral",
        part="backend",
        test=fields.pop("test", "backend/test_lse_4"),
        status=Status(status),
        properties=properties,
        broken=broken,
        **fields,
    )


def verdict_on(*outcomes: Outcome, id: str = "LSE-4", **fields: Any) -> Verdict:
    fields = {"capabilities": {"fencing": "token", "durability": "os"}, **fields}
    return judge(id, property_of(id), outcomes, **fields)


@pytest.mark.parametrize(
    ("said", "folded"),
    [
        (["PASS", "PASS"], "PASS"),
        (["PASS", "FAIL", "UNKNOWN"], "FAIL"),
        (["UNKNOWN", "VACUOUS", "PASS"], "UNKNOWN"),
        (["VACUOUS", "PASS", "ABSENT"], "VACUOUS"),
        (["ABSENT", "PASS"], "ABSENT"),
        (["PASS", "UNTESTED"], "PASS"),
        (["UNTESTED"], "UNTESTED"),
        ([], "UNTESTED"),
    ],
)
def test_worst_of_what_tests_say_is_the_verdict(said: list[str], folded: str) -> None:
    assert verdict_on(*map(outcome, said)).status == folded


def test_untested_layer_beside_one_that_passed_is_a_gap() -> None:
    verdict = verdict_on(
        outcome("PASS"), outcome("UNTESTED", layer="server", reason="the harness has no server")
    )

    assert verdict.gaps == ("server: the harness has no server",)
    assert verdict.layers == ("example",)


def test_level_is_the_one_declared_unless_the_tests_say_another() -> None:
    assert verdict_on(outcome("PASS")).level == "token"
    assert verdict_on(outcome("PASS", level="none")).level == "none"
    assert verdict_on(outcome("PASS"), outcome("PASS", level="none")).level == "token"
    assert verdict_on(outcome("ABSENT", level="verified")).level == "verified"
    assert verdict_on(outcome("PASS"), id="LSE-6").level == ""


def test_test_that_finds_another_property_broken_says_nothing_of_this_one() -> None:
    machine = outcome("FAIL", properties=("LSE-4", "LSE-5"), broken=("LSE-5",))

    assert verdict_on(machine).status == "UNTESTED"
    assert verdict_on(machine, outcome("PASS")).status == "PASS"
    assert verdict_on(machine, id="LSE-5").status == "FAIL"


def test_property_of_which_tests_were_left_out_has_no_good_verdict() -> None:
    passed = verdict_on(outcome("PASS"), left_out=2)

    assert (passed.status, passed.reason) == ("UNTESTED", "1 of its tests passed, 2 did not run")
    assert verdict_on(outcome("FAIL"), left_out=2).status == "FAIL"


def test_evidence_of_several_tests_adds_up() -> None:
    verdict = verdict_on(
        outcome("PASS", evidence={"crash points": 12}, marks=("b",)),
        outcome("PASS", evidence={"crash points": 30}, marks=("a",)),
    )

    assert verdict.evidence == {"crash points": 42}
    assert verdict.marks == ("a", "b")


def test_known_failure_is_expected_and_strict() -> None:
    assert verdict_on(outcome("FAIL"), known=KNOWN).status == "XFAIL"
    assert verdict_on(outcome("VACUOUS"), known=KNOWN).status == "XFAIL"
    assert verdict_on(outcome("UNKNOWN"), known=KNOWN).status == "UNKNOWN"
    assert verdict_on(outcome("PASS"), known=KNOWN).status == "FAIL"
    assert verdict_on(outcome("UNTESTED"), known=KNOWN).status == "UNTESTED"


def test_status_is_read_with_level_and_remark() -> None:
    assert written("PASS") == (Status.PASS, "", "")
    assert written("PASS(none)") == (Status.PASS, "none", "")
    assert written("ABSENT(verified): delay") == (Status.ABSENT, "verified", "delay")
    with pytest.raises(ValueError, match="expected PASS or ABSENT"):
        written("FINE")


# Profiles


def declared(**levels: Any) -> dict[str, Any]:
    backend = MemoryBackend("memory://verdicts")
    backend.open()
    found: dict[str, Any] = msgspec.to_builtins(backend.capabilities)
    backend.close()
    return {**found, **levels}


def all_pass(**others: Verdict) -> dict[str, Verdict]:
    passed = {id: Verdict(Status.PASS, tests=1) for id in backend_properties()}
    return passed | {name.replace("_", "-"): verdict for name, verdict in others.items()}


def standings(capabilities: dict[str, Any], **others: Verdict) -> dict[str, str]:
    found = certificates("backend", all_pass(**others), capabilities)
    return {name: each.standing for name, each in found.items()}


def test_profiles_share_out_every_property_once() -> None:
    members = [id for profile in ("core", *NAMED) for id in properties_in(profile, "backend")]

    assert sorted(members) == sorted(backend_properties())


def test_core_holds_with_absences_and_named_profiles_do_not() -> None:
    absent = Verdict(Status.ABSENT, level="verified", tests=1)

    found = standings(declared(durability="os", transaction=True), ADM_1=absent, ENQ_1=absent)

    assert found["core"] == "certified"
    assert found["inspectable"] == "absent"
    assert found["durable"] == "certified"


@pytest.mark.parametrize(
    ("field", "weak", "profile"),
    [
        ("dedup", "none", "unique"),
        ("atomic_children", False, "atomic"),
        ("durability", "none", "durable"),
        ("transaction", False, "transactional"),
        ("priorities", 1, "prioritised"),
        ("browse", "dead", "inspectable"),
    ],
)
def test_weakness_takes_a_profile_away(field: str, weak: object, profile: str) -> None:
    strong = declared(durability="process", transaction=True)

    assert standings(strong)[profile] == "certified"
    assert standings({**strong, field: weak})[profile] == "absent"


def test_level_none_takes_a_profile_away_but_not_where_a_crash_leaves_nothing() -> None:
    none = Verdict(Status.PASS, level="none", tests=1)

    assert standings(declared(durability="os"), ORD_6=none)["prioritised"] == "absent"
    assert standings(declared(durability="os"), DLQ_3=none)["atomic"] == "absent"
    assert standings(declared(durability="none"), DLQ_3=none)["atomic"] == "certified"


@pytest.mark.parametrize(
    ("status", "standing"),
    [
        (Status.FAIL, "failed"),
        (Status.XFAIL, "failed"),
        (Status.VACUOUS, "failed"),
        (Status.UNKNOWN, "failed"),
        (Status.UNTESTED, "untested"),
    ],
)
def test_status_that_certifies_nothing_certifies_nothing(status: Status, standing: str) -> None:
    assert standings(declared(), LSE_4=Verdict(status, tests=1))["core"] == standing


def test_emulator_certifies_nothing() -> None:
    found = standings(declared(emulator=True, durability="os"))

    assert "certified" not in found.values()
    assert found["core"] == "emulated"


def test_hook_that_nobody_could_write_is_in_nobodys_way() -> None:
    server = Verdict(Status.UNTESTED, lacks=("server",))

    assert is_excused(server, {"reach": "process"})
    assert is_excused(server, {"reach": "host"})
    assert not is_excused(server, {"reach": "network"})
    assert not is_excused(Verdict(Status.UNTESTED, lacks=("connection",)), {"reach": "process"})
    assert standings(declared(reach="network"), CRS_6=server)["core"] == "untested"
    assert standings(declared(reach="process"), CRS_6=server)["core"] == "certified"


# What is made of a report


def report(**levels: Any) -> Report:
    capabilities = declared(**levels)
    verdicts = all_pass()
    part = PartReport(
        product=capabilities["product"],
        version=capabilities["version"],
        emulator=capabilities["emulator"],
        capabilities=capabilities,
        profiles=certificates("backend", verdicts, capabilities),
        properties=verdicts,
    )
    return Report(
        report=1,
        contract=CONTRACT,
        suite="1",
        harness=f"{levels.get('product', 'Memory').title()}Harness",
        tier="full",
        seed=0,
        complete=True,
        parts={"backend": part},
    )


def test_badge_says_core_and_durability() -> None:
    said = msgspec.json.decode(badge(report(durability="process")))

    assert said == {
        "schemaVersion": 1,
        "label": "anyjob conformance",
        "message": f"core {CONTRACT}, durable: process",
        "color": "brightgreen",
    }
    assert msgspec.json.decode(badge(report(emulator=True)))["message"] == "emulated"


def test_matrix_has_a_row_for_each_report_and_a_column_for_each_profile() -> None:
    text = matrix([report(product="zebra", durability="os"), report(product="ant")])

    lines = text.splitlines()
    assert [cell.strip() for cell in lines[0].split("|")[2:11]] == ["core", *NAMED]
    assert lines[2].startswith("| ant 1.0 | yes |")
    assert lines[3].startswith("| zebra 1.0 | yes |")
    assert "| os |" in lines[3]


def test_matrix_tells_harnesses_of_one_product_apart() -> None:
    ant = report(product="ant")
    reports = [msgspec.structs.replace(ant, harness=name) for name in ("Hill", "Nest")]

    lines = matrix(reports).splitlines()
    assert lines[2].startswith("| ant 1.0 (Hill) | yes |")
    assert lines[3].startswith("| ant 1.0 (Nest) | yes |")


def test_report_survives_its_file(tmp_path: Any) -> None:
    written_one = report()

    write_json(written_one, tmp_path / "folder" / "r.json")

    assert read_json(tmp_path / "folder" / "r.json") == written_one
    assert written_one.parts["backend"].profiles["atomic"] == Certificate("certified")
