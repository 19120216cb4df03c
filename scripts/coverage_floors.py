"""Holds the coverage of each part of anyjob at or above its floor in tests/coverage_floors.toml.

Reads .coverage of the last run. With --raise, lifts each floor to just below what was measured;
nothing here lowers one.
"""

import json
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
from pathlib import Path

FLOORS = Path("tests/coverage_floors.toml")
TOP = "anyjob"
# Random examples reach now this branch, now that one; a floor that falls by chance is no floor.
SLACK = 1
HEADER = """\
# Per cent of statements and branches that the unit and conformance tests cover, by part. A floor
# only rises: `python scripts/coverage_floors.py --raise` lifts each to just below the last run.
"""


def main() -> int:
    floors, measured = read(), measure()
    if "--raise" in sys.argv[1:]:
        write(raised(floors, measured))
        return 0
    for part, per_cent in measured.items():
        print(f"{part:<24}{per_cent:>4} %   floor {floors.get(part, 'missing')}")
    return report_gaps(floors, measured)


def measure() -> dict[str, int]:
    """Whole per cents, rounded down, for each folder right below anyjob and its own modules."""
    covered: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for name, file in coverage_by_file().items():
        summary = file["summary"]
        _, *folders, _ = Path(name).parts
        part = folders[0] if folders else TOP
        covered[part] += summary["covered_lines"] + summary["covered_branches"]
        total[part] += summary["num_statements"] + summary["num_branches"]
    return {part: 100 * covered[part] // total[part] for part in sorted(total) if total[part]}


def coverage_by_file() -> dict[str, dict[str, dict[str, int]]]:
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "coverage.json"
        command = [sys.executable, "-m", "coverage", "json", "--quiet", "-o", str(report)]
        subprocess.run(command, check=True)
        files: dict[str, dict[str, dict[str, int]]] = json.loads(report.read_text())["files"]
    return files


def report_gaps(floors: dict[str, int], measured: dict[str, int]) -> int:
    fallen = [part for part, floor in floors.items() if measured.get(part, 0) < floor]
    unlisted = [part for part in measured if part not in floors]
    for part in fallen:
        print(f"error: {part} is covered to {measured.get(part, 0)} %, below {floors[part]} %")
    for part in unlisted:
        print(f"error: {part} has no floor in {FLOORS}; run scripts/coverage_floors.py --raise")
    return 1 if fallen or unlisted else 0


def read(path: Path = FLOORS) -> dict[str, int]:
    floors: dict[str, int] = tomllib.loads(path.read_text())
    return floors


def raised(floors: dict[str, int], measured: dict[str, int]) -> dict[str, int]:
    return {part: max(floors.get(part, 0), per_cent - SLACK) for part, per_cent in measured.items()}


def write(floors: dict[str, int], path: Path = FLOORS) -> None:
    lines = [f'"{part}" = {floor}\n' for part, floor in sorted(floors.items())]
    path.write_text(HEADER + "\n" + "".join(lines))


if __name__ == "__main__":
    raise SystemExit(main())
