"""The page of guarantees names tests that exist and are run, and levels that are declared."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest
import redis

from anyjob import App
from anyjob.conformance import backend_properties
from anyjob.core.capabilities import Capabilities
from tests.docs.redis_server import redis_server

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "explanation" / "guarantees.md").read_text()
PROMISES = re.findall(r"^### (\d+\. .+?)\n(.*?)(?=^#)", PAGE, re.MULTILINE | re.DOTALL)
#: A property, a file of tests, or a test in the file that was named last.
NAME = re.compile(r"\b([A-Z]{3}-\d+)\b|`(tests/[\w/]+\.py)`|`(test_\w+)`")


@cache
def functions_of(file: str) -> set[str]:
    tree = ast.parse((ROOT / file).read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def proofs(text: str) -> list[str]:
    """What is named as proof, tests as node ids."""
    found, file = [], ""
    for name in NAME.finditer(text):
        file = name[2] or file
        if not name[2]:
            found.append(name[1] or f"{file}::{name[3]}")
    return found


def test_promises_are_numbered_and_found() -> None:
    numbers = [int(title.split(".")[0]) for title, _ in PROMISES]

    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) == PAGE.count("\n### ")
    assert numbers


@pytest.mark.parametrize(("title", "text"), PROMISES, ids=[title for title, _ in PROMISES])
def test_promise_names_proofs_that_exist_and_are_run(title: str, text: str) -> None:
    named = proofs(text.partition("Proved by:")[2])

    assert named, f"nothing proves {title!r}"
    for name in named:
        file, separator, test = name.partition("::")
        if separator:
            assert test in functions_of(file), name
        else:
            assert backend_properties()[name].waits_for is None, f"{name} has no example yet"


def declared(backend: Capabilities, field: str) -> str:
    value = getattr(backend, field)
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    return f"{value:g}" if isinstance(value, float) else str(value)


def levels_of(url: str) -> Capabilities:
    with App(url) as app:
        return app.backend.capabilities


def test_table_of_levels_is_what_opened_backends_declare(tmp_path: Path) -> None:
    rows = re.findall(
        r"^\| `(\w+)` \| [^|]+ \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", PAGE, re.MULTILINE
    )
    with redis_server(tmp_path / "server") as server:
        redis.Redis.from_url(f"redis://{server}").config_set("appendonly", "yes")
        urls = ["memory://", f"sqlite:///{tmp_path}/jobs.db", f"redis://{server}"]
        backends = [levels_of(url) for url in urls]
    levels = [
        (field, *(declared(backend, field) for backend in backends))
        for field in Capabilities.__struct_fields__
        if field not in ("product", "version", "emulator")
    ]

    assert rows == levels
