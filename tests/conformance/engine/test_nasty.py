"""Whatever a harness or a backend does, there is a verdict that names a property, and the run goes
on.
"""

from __future__ import annotations

import pytest

from tests.conformance.engine.conftest import Conformance

#: The one test that purges runs between these two properties' tests.
#: The second has no machine, and ends within any limit.
AROUND = ("--only", "ADM-2", "--only", "PAY-5")


@pytest.mark.parametrize(
    ("harness", "property_id", "said"),
    [
        ("OfADriver", "ADM-2", "ConnectionError: lost connection to coral"),
        ("AnsweringNone", "ADM-2", "assert None == 2"),
        ("Leaving", "ADM-2", "SystemExit: 0"),
        ("LeavingAtOnce", "ADM-2", "the process ended with exit code 0 while this test ran"),
        ("Interrupting", "ADM-2", "the process ended with exit code 2 while this test ran"),
        ("Printing", "CAP-6", "it printed 'purging"),
        ("PrintingByAnother", "CAP-6", "it printed 'purging"),
        ("Forking", "CON-3", "it forked, in fork, line"),
        ("ForkingOn", "CON-3", "it forked, in"),
        ("LeavingThreads", "LIF-1", "it left behind: left-behind"),
        ("LeavingFiles", "LIF-1", "/dev/null"),
        ("Changing", "CAP-5", "capabilities were"),
    ],
)
def test_misconduct_fails_a_property_and_the_run_goes_on(
    conformance: Conformance, harness: str, property_id: str, said: str
) -> None:
    ran = conformance(harness, *AROUND, "--json", "r.json")

    found = ran.read("r.json")["parts"]["backend"]["properties"]
    assert ran.code == 1
    assert found[property_id]["status"] == "FAIL"
    assert f"FAIL {property_id}: " in ran.out
    assert said in ran.out
    assert found["PAY-5"]["status"] == "PASS"


@pytest.mark.parametrize(
    ("harness", "said"),
    [
        ("Hanging", "a call had not returned after 2 s"),
        ("HangingAndGoingOn", "a call had not returned after 2 s"),
        ("Stuck", "a call did not return and could not be interrupted"),
    ],
)
def test_call_that_hangs_is_unknown_with_the_stacks_and_the_run_goes_on(
    conformance: Conformance, monkeypatch: pytest.MonkeyPatch, harness: str, said: str
) -> None:
    monkeypatch.setenv("CONFORMANCE_LIMIT", "2")

    ran = conformance(harness, *AROUND, "--json", "r.json")

    found = ran.read("r.json")["parts"]["backend"]["properties"]
    assert ran.code == 1
    assert (found["ADM-2"]["status"], found["PAY-5"]["status"]) == ("UNKNOWN", "PASS")
    assert said in ran.out
    assert "what every thread was doing:" in ran.out
    assert "hang_" in ran.out


@pytest.mark.parametrize(
    ("harness", "property_id", "said"),
    [
        ("CannotOpen", "LIF-3", "ConnectionError: nobody listens"),
        ("Opened", "LIF-1", "gave an opened backend; leave open() to the suite"),
        ("Shared", "LIF-5", "gave the same object twice; make a new one each time"),
        ("Flagged", "CAP-5", "the harness says supports_delay"),
    ],
)
def test_harness_that_is_not_as_it_has_to_be_fails_a_property(
    conformance: Conformance, harness: str, property_id: str, said: str
) -> None:
    ran = conformance(harness, "--only", property_id, "--only", "FET-2", "--json", "r.json")

    found = ran.read("r.json")["parts"]["backend"]["properties"]
    assert ran.code == 1
    assert found[property_id]["status"] == "FAIL"
    assert said in ran.out
    assert found["FET-2"]["status"] != "UNTESTED"


def test_child_that_a_backend_forks_does_nothing_any_more(conformance: Conformance) -> None:
    ran = conformance("Tracing", "--only", "ADM-2")

    assert "CON-3: it forked, in fork_and_leave_a_trace, line" in ran.out
    assert not (ran.folder / "child").exists()


def test_one_cause_that_many_tests_meet_is_told_once(conformance: Conformance) -> None:
    ran = conformance("CannotOpen", "--only", "LIF-1", "--only", "LIF-3")

    assert ran.out.count("    ConnectionError: nobody listens") == 1
    assert "the same as in backend/test_" in ran.out
