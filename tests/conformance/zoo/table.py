"""The zoo's table at the end of a run: what was killed and who passed as they should."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

from _pytest.terminal import TerminalReporter

from tests.conformance.zoo.thorough import CERTIFYING

#: What a test notes as its property "zoo"; the last note counts.
GOOD = ("killed", "killed by a machine", "legal passed", "liar caught", "canary fell silent")
BAD = {
    "survived": "killed",
    "survived a machine": "killed by a machine",
    "legal failed": "legal passed",
    "liar believed": "liar caught",
    "canary sang": "canary fell silent",
}
REPORT = Path("build/conformance/zoo.json")


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    noted: dict[str, list[str]] = defaultdict(list)
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, []):
            notes = [
                value for name, value in getattr(report, "user_properties", ()) if name == "zoo"
            ]
            if notes and report.when == "call":
                noted[notes[-1]].append(report.nodeid.rpartition("[")[2].rstrip("]"))
    if not noted:
        return
    terminalreporter.section("zoo")
    for good in GOOD:
        missed = [name for bad, of in BAD.items() if of == good for name in noted[bad]]
        total = len(noted[good]) + len(missed)
        if total:
            terminalreporter.write_line(f"{good}: {len(noted[good])} of {total}")
        for name in missed:
            terminalreporter.write_line(f"  not so: {name}")
    if CERTIFYING:
        REPORT.parent.mkdir(parents=True, exist_ok=True)
        REPORT.write_text(
            json.dumps({key: sorted(names) for key, names in noted.items()}, indent=1)
        )
