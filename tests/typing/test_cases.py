"""A wrong call is a type error for two checkers, and a right one for neither."""

import re

import pytest

from tests.typing.checkers import CASES, CHECKERS

FILES = sorted(path.name for path in CASES.glob("*.py"))


def marked_lines(name: str) -> set[int]:
    lines = (CASES / name).read_text().splitlines()
    return {number for number, line in enumerate(lines, 1) if re.search(r"# error\b", line)}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("checker", CHECKERS)
def test_checker_reports_exactly_the_marked_lines(checker: str, name: str) -> None:
    findings = [finding for finding in CHECKERS[checker]() if finding[0] == name]

    missed = marked_lines(name) - {line for _, line, _ in findings}
    surprises = [finding for finding in findings if finding[1] not in marked_lines(name)]

    assert not missed, f"{checker} calls these marked lines right"
    assert not surprises, f"{checker} calls these lines wrong"
