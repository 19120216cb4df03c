"""The reference page says what the verbs are."""

import re

from anyjob.cli.failure import _CODES
from tests.unit.cli.reference import BEGIN, PAGE, reference


def test_page_has_every_verb_option_and_column() -> None:
    # `python -m tests.unit.cli.reference` writes this part anew.
    _, begin, rest = PAGE.read_text().partition(BEGIN)

    assert begin + rest == reference()


def test_page_has_every_exit_code() -> None:
    named = {int(code) for code in re.findall(r"^\| (\d+) \|", PAGE.read_text(), re.MULTILINE)}

    assert named == {0, 1, 143} | set(_CODES.values())
