"""The reference holds what the doors offer, every event and every line that a worker logs."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import anyjob
import anyjob.backends
import anyjob.conformance
from anyjob.app.send import LOT
from anyjob.backends.sqlite.ballast import SIZE
from anyjob.core.events import EVENTS
from anyjob.core.retry import Retry
from anyjob.core.verdict import MAX_REDELIVERIES
from anyjob.worker.pace import HORIZON, MAX_BUFFER, MAX_BUFFER_BYTES

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
REFERENCE = DOCS / "reference"
API = (REFERENCE / "api.md").read_text()
EVENTS_PAGE = (REFERENCE / "events.md").read_text()


def section(door: ModuleType) -> str:
    """What the page says of a door."""
    _, _, after = API.partition(f"\n## `{door.__name__}`\n")
    return after.partition("\n## ")[0]


@pytest.mark.parametrize(
    "door", [anyjob, anyjob.backends, anyjob.conformance], ids=lambda door: door.__name__
)
def test_every_public_name_is_in_the_reference(door: ModuleType) -> None:
    text = section(door)
    documented = re.findall(rf"auto\w+:: {re.escape(door.__name__)}\.(\w+)\b(?!\.)", text)
    told = re.findall(r"`(\w+)`", text)

    assert set(door.__all__) <= {*documented, *told}
    assert set(documented) <= set(door.__all__)


def test_signature_of_retry_names_its_fields_in_order() -> None:
    # Written by hand there, because two of its defaults have no source that can be read.
    [signature] = re.findall(r"anyjob\.Retry\(\*, (.+)\)$", API, re.MULTILINE)

    assert tuple(re.findall(r"(\w+)=", signature)) == Retry.__struct_fields__


def test_events_are_listed_with_what_they_mean() -> None:
    table = EVENTS_PAGE.partition("## Log lines")[0]

    assert dict(re.findall(r"^\| `([\w.]+)` \| ([^|]+) \|", table, re.MULTILINE)) == EVENTS


def logged(tree: ast.AST) -> Iterator[str]:
    """The names of events that a module writes into its log lines."""
    for node in ast.walk(tree):
        match node:
            case ast.Dict(keys=keys, values=values):
                for key, value in zip(keys, values, strict=True):
                    if isinstance(key, ast.Constant) and key.value == "event":
                        yield from constants(value)
            case ast.Call(func=ast.Attribute(attr="trouble"), args=[cause, *_]):
                yield from constants(cause)


def constants(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Constant):
        yield str(node.value)


def test_every_log_line_is_in_the_reference() -> None:
    written = {
        name
        for file in (ROOT / "anyjob").rglob("*.py")
        for name in logged(ast.parse(file.read_text()))
    } | {name for name in EVENTS if name.startswith("job.") and name != "job.reclaimed"}
    # What a backend reports, the app logs under the name that the report gives it.
    written |= {"backend.blocked", "backend.failover", "store.reset_detected"}
    table = EVENTS_PAGE.partition("## Log lines")[2]
    listed = {
        name
        for row in re.findall(r"^\| (`[^|]+`) \|", table, re.MULTILINE)
        for name in re.findall(r"`([\w.]+)`", row)
    }

    assert listed - {"event"} == written


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ("explanation/how-a-worker-works.md", f"finishes in about {HORIZON * 1000:.0f} ms"),
        (
            "explanation/how-a-worker-works.md",
            f"at most {MAX_BUFFER} jobs and {MAX_BUFFER_BYTES // 2**20} MiB",
        ),
        ("how-to/enqueue.md", f"a lot of {LOT} is stored"),
        ("how-to/backends.md", f"`jobs.db-ballast` | {SIZE // 2**20} MiB"),
        ("reference/configuration.md", f"`max_redeliveries` | `{MAX_REDELIVERIES}`"),
    ],
)
def test_numbers_on_pages_are_those_of_the_code(page: str, said: str) -> None:
    assert said in " ".join((DOCS / page).read_text().split())
