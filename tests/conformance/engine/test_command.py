"""Each option of `anyjob conformance`, by its effect."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from anyjob.conformance.engine.command import Command
from anyjob.conformance.history import save
from anyjob.conformance.manifest import backend_properties, store_properties
from tests.conformance.engine.conftest import HARNESSES, ROOT, Conformance
from tests.conformance.history.script import Script
from tests.unit.cli.terminal import run_on_terminal

KNOWN = """\
[[known]]
id = "{id}"
reason = "purge is not written yet"
issue = "https://example.org/issues/7"
expires = {expires}
"""


def without_times(value: Any) -> Any:
    match value:
        case dict():
            return {
                key: without_times(each)
                for key, each in value.items()
                if not key.endswith(("seconds", "_at"))
            }
        case list():
            return [without_times(each) for each in value]
        case other:
            return other


def test_only_runs_what_shows_these_properties(conformance: Conformance) -> None:
    ran = conformance("Both", "--only", "PAY-4", "--only", "CLM-3", "--json", "r.json")

    report = ran.read("r.json")
    ran_at_all = {
        id
        for part in report["parts"].values()
        for id, verdict in part["properties"].items()
        if verdict["status"] != "UNTESTED"
    }
    assert ran.code == 0
    assert ran_at_all == {"PAY-4", "CLM-3"}
    assert report["only"] == ["PAY-4", "CLM-3"]
    assert report["complete"] is False


def test_part_that_nothing_was_asked_of_is_not_said_to_be_broken(conformance: Conformance) -> None:
    assert "store: was not looked at" in conformance("Both", "--only", "PAY-4").out
    assert "backend: could not be opened" in conformance("CannotOpen", "--only", "PAY-4").out


def test_server_that_is_not_installed_leaves_all_that_wants_it_untested(
    conformance: Conformance,
) -> None:
    ran = conformance("WithoutServer", "--only", "CAP-5", "--only", "STO-4", "--json", "r.json")

    parts = ran.read("r.json")["parts"]
    # The one looks at the harness alone; it was the first, and took the blame.
    assert parts["backend"]["properties"]["CAP-5"]["status"] == "PASS"
    assert parts["store"]["properties"]["STO-4"]["status"] != "FAIL"
    assert ran.code == 0


def test_profile_runs_and_wants_its_properties(conformance: Conformance) -> None:
    certified = conformance("Sound", "--profile", "transactional,Inspectable", "--json", "r.json")

    profiles = certified.read("r.json")["parts"]["backend"]["profiles"]
    assert profiles["inspectable"] == {"standing": "certified"}
    assert profiles["transactional"]["standing"] == "absent"
    assert profiles["core"]["standing"] == "untested"
    assert certified.code == 1
    assert "profile transactional of the backend is absent" in certified.err
    assert conformance("Sound", "--profile", "inspectable").code == 0


def test_tier_and_seed_reach_the_tests_and_the_report(conformance: Conformance) -> None:
    ran = conformance("Sound", "--only", "LIF-5", "--tier", "full", "--seed", "7", "--json", "r")

    report = ran.read("r")
    assert (report["tier"], report["seed"]) == ("full", 7)
    assert "full, seed 7" in ran.out


def test_soak_draws_a_seed_and_tells_it(conformance: Conformance) -> None:
    seeds = {
        conformance("Sound", "--only", "PAY-4", "--tier", "soak", "--json", "r").read("r")["seed"]
        for _ in range(2)
    }

    assert len(seeds) == 2


def test_two_runs_of_one_seed_give_one_report_times_aside(conformance: Conformance) -> None:
    reports = [
        without_times(
            conformance("Sound", "--profile", "scheduled,unique", "--json", "r").read("r")
        )
        for _ in range(2)
    ]

    assert reports[0] == reports[1]


@pytest.mark.parametrize("processes", [1, 3])
def test_tests_are_shared_out_among_processes(conformance: Conformance, processes: int) -> None:
    ran = conformance(
        "Noting", "--profile", "unique", "--processes", str(processes), "--json", "r.json"
    )

    assert ran.code == 0
    assert len(list(ran.folder.glob("session-*"))) == processes


def test_report_is_the_same_however_many_processes_made_it(conformance: Conformance) -> None:
    words = ["--profile", "scheduled,unique", "--json", "r", "--processes"]
    [one, three] = [without_times(conformance("Both", *words, n).read("r")) for n in "13"]

    assert one == three


def test_process_that_a_test_ends_ends_none_beside_it(conformance: Conformance) -> None:
    words = ["--only", "ADM-2", "--only", "ENQ-8", "--only", "PAY-4", "--json", "r"]
    [one, two] = [conformance("LeavingAtOnce", *words, "--processes", n) for n in "12"]

    assert without_times(one.read("r")) == without_times(two.read("r"))
    assert one.code == two.code == 1


def test_report_files_say_the_same(conformance: Conformance) -> None:
    files = ["--json", "r.json", "--junit", "r.xml", "--markdown", "r.md", "--badge", "b.json"]

    ran = conformance("AnsweringNone", "--only", "ADM-2", "--only", "ADM-6", *files)

    verdicts = ran.read("r.json")["parts"]["backend"]["properties"]
    assert (verdicts["ADM-2"]["status"], verdicts["ADM-6"]["status"]) == ("FAIL", "PASS")
    cases = {case.attrib["name"]: case for case in ET.parse("r.xml").iter("testcase")}
    assert cases.keys() == backend_properties().keys()
    assert cases["ADM-2"].find("failure") is not None
    said = {each.attrib["name"]: each.attrib["value"] for each in cases["ADM-6"].iter("property")}
    assert (said["status"], said["seed"]) == ("PASS", "0")
    assert said["statement"] == backend_properties()["ADM-6"].statement
    assert "| memory 1.0 |" in Path("r.md").read_text()
    assert ran.read("b.json")["message"] == "core untested"


def test_folder_that_is_missing_is_said_before_anything_runs(conformance: Conformance) -> None:
    ran = conformance("Sound", "--json", "missing/r.json")

    assert ran.code == 2
    assert "there is no folder 'missing'" in ran.err


def test_list_has_every_property_and_needs_no_harness(conformance: Conformance) -> None:
    ran = conformance(None, "--list")

    rows = [line.split("\t") for line in ran.out.splitlines()]
    assert [row[0] for row in rows] == [*backend_properties(), *store_properties()]
    assert ["TIM-5", "scheduled"] in [row[:2] for row in rows]
    assert ran.code == 0


def test_explain_tells_statement_levels_profile_and_tests(conformance: Conformance) -> None:
    ran = conformance(None, "--explain", "SET-4")

    assert ran.code == 0
    assert "SET-4 (scheduled): Retry(delay): not before the delay, present after it" in ran.out
    assert "weaker: nobody may" in ran.out
    assert "machine: backend/test_lease_machine" in ran.out
    assert "example: backend/test_set_4_" in ran.out


def test_failure_is_told_whole_and_is_met_again_by_its_replay(conformance: Conformance) -> None:
    ran = conformance("AnsweringNone", "--only", "ADM-2", "--tier", "full", "--seed", "3")

    command, *_ = [line for line in ran.out.splitlines() if line.startswith("  replay: ")]
    file = command.rpartition(" ")[2]
    assert backend_properties()["ADM-2"].statement in ran.out
    assert "history:" in ran.out
    assert "enqueue 1, 2: [Accepted(), Accepted()]" in ran.out
    assert command == f"  replay: anyjob conformance --replay {file}"
    assert ran.read(file)["effort"] == {"tier": "full", "seed": 3}
    again = conformance(None, "--replay", file, "--json", "again.json")
    assert again.code == 1
    assert "failed in the same way" in again.out
    report = again.read("again.json")
    assert (report["tier"], report["seed"]) == ("full", 3)
    other = conformance("Leaving", "--replay", file)
    assert "failed in another way" in other.out
    mended = conformance("Sound", "--replay", file)
    assert mended.code == 0
    assert "does not fail any more" in mended.out


def test_machine_prints_the_smallest_sequence_it_found(conformance: Conformance) -> None:
    ran = conformance("Miscounting", "--only", "SET-3")

    assert ran.code == 1
    assert "the smallest sequence found:" in ran.out
    assert "state.begin(" in ran.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--only", "LSE-44"], "there is no property 'LSE-44'; did you mean 'LSE-4'?"),
        (["--explain", "nope"], "there is no property 'nope'"),
        (["--profile", "atomc"], "there is no profile 'atomc'; did you mean 'atomic'?"),
        (["--replay", "missing.json"], "cannot read missing.json: No such file or directory"),
        (["--replay", "damaged.json"], "damaged.json is no replay file, or a damaged one"),
        (["--replay", "foreign.json"], "whose test 'backend/test_of_tomorrow' this suite has not"),
        (["--tier", "quik"], "'quik' is not one of"),
        (["--seed", "-1"], "-1 is not in the range"),
    ],
)
def test_wrong_word_is_a_usage_error_before_anything_runs(
    conformance: Conformance, words: list[str], said: str
) -> None:
    Path("damaged.json").write_text('{"replay": 1, "contr')
    Path("foreign.json").write_text(
        json.dumps(
            {
                "replay": 1,
                "contract": "9.9",
                "suite": "9",
                "harness": "x:Y",
                "effort": {"tier": "quick", "seed": 0},
                "property": "LSE-4",
                "test": "backend/test_of_tomorrow",
                "status": "FAIL",
                "message": "",
            }
        )
    )

    ran = conformance("Sound", *words)

    assert ran.code == 2
    assert said in " ".join(ran.err.replace("\nto do: ", "; ").split())
    assert ran.out == ""


def test_replay_with_other_choices_is_refused(conformance: Conformance) -> None:
    ran = conformance("Sound", "--replay", "x.json", "--seed", "4")

    assert ran.code == 2
    assert "--replay has its own tier, seed and property" in ran.err


def test_no_harness_is_a_usage_error(conformance: Conformance) -> None:
    ran = conformance(None)

    assert ran.code == 2
    assert "error: no harness is named\nto do: write it as module:Class" in ran.err


@pytest.mark.parametrize(
    ("harness", "said"),
    [
        ("nowhere:Harness", "No module named 'nowhere'"),
        (f"{HARNESSES}:Missing", "has no 'Missing'"),
        (f"{HARNESSES}:after", "to be a subclass of anyjob.conformance.Harness, got after"),
        ("a/path.py", "is not written as module:Class"),
    ],
)
def test_harness_that_cannot_be_loaded_is_a_configuration_error(
    harness: str, said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    from anyjob.cli import run

    code = run(["conformance", harness])

    assert code == 4
    assert said in capfd.readouterr().err


def test_known_failure_is_expected_and_its_end_fails(conformance: Conformance) -> None:
    Path("conformance.toml").write_text(KNOWN.format(id="ADM-2", expires="2999-01-01"))

    ran = conformance("AnsweringNone", "--only", "ADM-2", "--json", "r.json")
    mended = conformance("Sound", "--only", "ADM-2", "--json", "s.json")

    verdict = ran.read("r.json")["parts"]["backend"]["properties"]["ADM-2"]
    assert (ran.code, verdict["status"]) == (0, "XFAIL")
    assert "FAIL ADM-2: " not in ran.out
    assert verdict["reason"] == "purge is not written yet (https://example.org/issues/7)"
    assert mended.code == 1
    assert mended.read("s.json")["surprises"] == ["ADM-2"]
    assert "it holds now; remove its entry from conformance.toml" in mended.out


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (KNOWN.format(id="ADM-2", expires="2020-01-01"), "until 2020-01-01, which is past"),
        (KNOWN.format(id="ADM-22", expires="2999-01-01"), "lists 'ADM-22', which is no property"),
        (KNOWN.format(id="ADM-2", expires='"soon"'), "cannot be read"),
        (KNOWN.format(id="ADM-2", expires="2999-01-01") * 2, "lists ADM-2 twice"),
        (KNOWN.format(id="ADM-2", expires="2999-01-01") + "isue = 1\n", "cannot be read"),
    ],
)
def test_wrong_list_of_known_failures_is_a_usage_error(
    conformance: Conformance, text: str, said: str
) -> None:
    Path("conformance.toml").write_text(text)

    ran = conformance("Sound", "--only", "ADM-2")

    assert ran.code == 2
    assert said in ran.err
    assert ran.out == ""


def test_emulator_is_stamped_and_certifies_nothing(conformance: Conformance) -> None:
    ran = conformance("Emulator", "--profile", "inspectable", "--json", "r.json", "--badge", "b")

    part = ran.read("r.json")["parts"]["backend"]
    assert part["emulator"] is True
    assert part["profiles"]["inspectable"]["standing"] == "emulated"
    assert "EMULATED: certifies nothing" in ran.out
    assert ran.read("b")["message"] == "emulated"
    assert ran.code == 1


def test_missing_extra_is_named() -> None:
    program = (
        "import sys; sys.modules['hypothesis'] = None;"
        "from anyjob.cli import run; sys.exit(run(['conformance', 'x:Y']))"
    )

    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )

    assert ran.returncode == 4
    assert "pip install 'anyjob[conformance]'" in ran.stderr


def test_interrupt_writes_the_report_of_what_ran(folder: Path) -> None:
    words = ["--only", "ENQ-8", "--only", "ADM-2", "--json", "r.json"]
    process = subprocess.Popen(
        [sys.executable, "-m", "anyjob", "conformance", f"{HARNESSES}:Slow", *words],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        deadline = time.monotonic() + 60
        while not Path("purging").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()

    report = json.loads(Path("r.json").read_text())
    properties = report["parts"]["backend"]["properties"]
    assert process.returncode == 130
    assert report["interrupted"] is True
    assert properties["ENQ-8"]["status"] == "PASS"
    assert properties["ADM-2"]["status"] == "UNTESTED"
    assert "interrupted" in out + err


def test_replay_judges_a_recorded_history(conformance: Conformance) -> None:
    for name, also in (("sound", []), ("lost", ["forgotten"])):
        script = Script()
        script.one_of_each()
        for job in also:
            script.enqueue(job)
        save(script.history(), Path(f"{name}.jsonl"))
    Path("cut.jsonl").write_bytes(Path("sound.jsonl").read_bytes()[:-40])

    sound, lost, cut = (
        conformance(None, "--replay", f"{name}.jsonl") for name in ("sound", "lost", "cut")
    )

    assert (sound.code, lost.code, cut.code) == (0, 1, 2)
    assert "no rule is broken" in sound.out
    assert "broken: lost 1 times" in lost.out
    assert "cut.jsonl" in cut.err


def test_progress_counts_the_tests_as_they_end() -> None:
    told: list[tuple[int, int]] = []

    Command(f"{HARNESSES}:Sound", only=["CAP-5"]).run(lambda *far: told.append(far))

    assert told == sorted(told)
    assert told[-1][0] == told[-1][1] > 1


def test_progress_is_a_bar_on_a_terminal(folder: Path) -> None:
    command = [sys.executable, "-m", "anyjob", "conformance", f"{HARNESSES}:Sound"]

    seen = run_on_terminal([*command, "--only", "FET-3", "--only", "LIF-1"], folder)

    assert seen.code == 0
    assert "━" in seen.screen
    assert "conformance: done, " in seen.screen
