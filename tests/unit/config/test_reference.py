"""The reference page says what the keys are."""

import re
from pathlib import Path

from anyjob.config.keys import KEYS, OTHER_VARIABLES
from anyjob.config.model import Config, WorkerConfig

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "configuration.md").read_text()
#: What a Config has that nobody configures by a key.
NO_KEYS = {
    "defaults",
    "worker",
    "backends",
    "routes",
    "failpoint",
    "profile",
    "file",
    "origins",
    "secrets",
    "referenced",
}


def test_page_lists_every_key_with_default_and_variable() -> None:
    rows = re.findall(r"^\| `([a-z_.]+)` \| (.+?) \| `(ANYJOB_\w+)` \|", PAGE, re.MULTILINE)

    assert [(name, variable) for name, _, variable in rows] == [
        (name, key.variable) for name, key in KEYS.items()
    ]
    for name, shown, _ in rows:
        default = KEYS[name].default
        if name not in ("backend", "store"):
            assert shown == f"`{written(default)}`", name


def written(default: object) -> str:
    if isinstance(default, tuple):
        return str(list(default))
    return f"{default:g}" if isinstance(default, float) else str(default)


def test_page_lists_the_variables_that_are_no_keys() -> None:
    for variable in (*OTHER_VARIABLES, "ANYJOB_DEFAULTS"):
        assert f"`{variable}`" in PAGE


def test_every_field_of_the_configuration_is_a_key() -> None:
    fields = {name for name in Config.__struct_fields__ if name not in NO_KEYS}
    worker = {f"worker.{name}" for name in WorkerConfig.__struct_fields__}

    assert set(KEYS) == fields | worker
