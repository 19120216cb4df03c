"""The reference pages of core say what the code does."""

import inspect
import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from anyjob.core import errors
from anyjob.core.durations import MAX_SPAN
from anyjob.core.errors import AnyjobError
from anyjob.core.limits import MAX_CONTAINERS, MAX_DEPTH, MAX_PAYLOAD
from anyjob.core.wire import VERSION, Body, RetryOverride

REFERENCE = Path(__file__).parents[3] / "docs" / "reference"
WIRE = (REFERENCE / "wire-format.md").read_text()
ERRORS = (REFERENCE / "errors.md").read_text()
GOLDEN = Path(__file__).parent / "golden"

ERROR_CLASSES = {
    name: kind
    for name, kind in vars(errors).items()
    if inspect.isclass(kind) and issubclass(kind, AnyjobError)
}


def number(value: float | None) -> str:
    return f"{value:.0f}"


def said(kind: Any) -> str:  # noqa: PLR0911 - one case for each type
    """Return what the table of fields says of a type."""
    match kind:
        case msgspec.inspect.IntType():
            return f"integer, {kind.ge} to {kind.le}"
        case msgspec.inspect.FloatType(ge=None):
            return f"number, more than {kind.gt}, to {number(kind.le)}"
        case msgspec.inspect.FloatType():
            return f"number, {kind.ge} to {number(kind.le)}"
        case msgspec.inspect.StrType():
            return f"text, {kind.min_length} to {kind.max_length} characters"
        case msgspec.inspect.LiteralType():
            return " or ".join(
                ", ".join(f'`"{value}"`' for value in part)
                for part in (kind.values[:-1], kind.values[-1:])
            )
        case msgspec.inspect.DictType(value_type=msgspec.inspect.StrType()):
            return "object of text"
        case msgspec.inspect.BoolType():
            return "boolean"
        case msgspec.inspect.NoneType():
            return "null"
        case msgspec.inspect.UnionType():
            parts = [said(one) for one in kind.types]
            return ", ".join(parts[:-1]) + f", or {parts[-1]}"
        case _:
            return "object"


def rows_of(kind: type[msgspec.Struct]) -> list[tuple[str, str, str]]:
    info = msgspec.inspect.type_info(kind)
    assert isinstance(info, msgspec.inspect.StructType)
    rows = []
    for field in info.fields:
        factory = field.default_factory
        default = field.default if factory is msgspec.NODEFAULT else factory()
        shown = "required" if field.required else f"`{json.dumps(default)}`"
        rows.append((field.encode_name, said(field.type), shown))
    return rows


def test_table_of_fields_is_what_a_body_and_its_policy_have() -> None:
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \| ([^|]+) \| [^|]+ \|$", WIRE, re.MULTILINE)

    assert rows == rows_of(Body) + rows_of(RetryOverride)


def examples() -> list[Any]:
    return [json.loads(block) for block in re.findall(r"```json\n(.*?)```", WIRE, re.DOTALL)]


@pytest.mark.parametrize("name", ["v1-minimal", "v1-full", "v1-types", "v2-newer"])
def test_example_is_a_golden_file(name: str) -> None:
    assert json.loads((GOLDEN / f"{name}.json").read_text()) in examples()


def test_every_example_is_a_golden_file() -> None:
    golden = [json.loads(path.read_text()) for path in GOLDEN.glob("*.json")]

    assert len(examples()) == 4
    assert all(example in golden for example in examples())


def test_limits_on_the_page_are_the_limits() -> None:
    assert MAX_PAYLOAD == 1024 * 1024
    assert f"`v` is {VERSION}." in WIRE
    assert f"at most 1 MiB (`max_payload`), {MAX_DEPTH} levels of nesting" in WIRE
    assert f"{MAX_CONTAINERS} lists and objects" in WIRE
    assert number(MAX_SPAN) in WIRE


def test_page_of_errors_draws_the_tree() -> None:
    drawn = re.findall(r"[├└]── (\w+)", ERRORS)
    in_code = re.findall(r"[├└]── (\w+)", errors.__doc__ or "")

    assert drawn == in_code


def test_page_explains_every_error_once() -> None:
    titles = re.findall(r"^### `(\w+)`$", ERRORS, re.MULTILINE)

    assert sorted(titles) == sorted(ERROR_CLASSES)


@pytest.mark.parametrize("name", ERROR_CLASSES)
def test_page_says_of_every_error_who_acts_and_whether_to_try_again(name: str) -> None:
    section = ERRORS.split(f"### `{name}`\n")[1].split("\n#")[0]
    acts = re.search(
        r"\*\*Acts\*\*: (.+?)\. \*\*Retryable\*\*: (yes|no|see the subclass)\.", section
    )

    assert acts is not None
    if acts[2] != "see the subclass":
        assert (acts[2] == "yes") is ERROR_CLASSES[name].retryable
