"""The properties of the contract and the examples of the suite are the same set."""

import ast
import inspect
import textwrap
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

import anyjob.conformance
from anyjob.conformance import Harness, backend_properties, conformance_suite, store_properties
from anyjob.conformance.catalogue import every_test, shown_by
from anyjob.conformance.manifest import CONTRACT
from anyjob.core.errors import ConfigurationError
from tests.conformance.test_memory import MemoryHarness

PROPERTIES = {**backend_properties(), **store_properties()}
TESTS = [*every_test("backend"), *every_test("store")]


def method_of(group: type, name: str) -> Callable[..., Any]:
    method: Callable[..., Any] = inspect.unwrap(vars(group)[name])
    return method


def test_manifest_names_every_property_of_the_contract_once() -> None:
    assert len(backend_properties()) == 100
    assert len(store_properties()) == 23
    assert len(PROPERTIES) == 123


def test_manifest_of_this_contract_is_what_it_was_when_it_was_released() -> None:
    # A property enters with a new version of the contract; none leaves.
    groups = {
        "ENQ": 9, "FET": 7, "LSE": 12, "SET": 10, "TIM": 7, "ORD": 6, "DLQ": 7, "UNQ": 4, "ADM": 6,
        "PAY": 5, "MNT": 3, "CRS": 10, "CON": 3, "LIF": 5, "CAP": 6,
        "KEY": 6, "CLM": 4, "MEM": 3, "INC": 1, "SCH": 4, "SER": 1, "STO": 4,
    }  # fmt: skip

    assert CONTRACT == "1.0"
    assert [*PROPERTIES] == [
        f"{group}-{n + 1}" for group, count in groups.items() for n in range(count)
    ]


def test_property_waits_exactly_where_no_test_shows_it() -> None:
    shown = {
        id for ids in (*shown_by("backend").values(), *shown_by("store").values()) for id in ids
    }

    waiting = {id for id, each in PROPERTIES.items() if each.waits_for is not None}

    assert waiting == PROPERTIES.keys() - shown


def test_a_property_waits_only_for_words_or_for_a_release() -> None:
    waiting = {id: each.waits_for for id, each in PROPERTIES.items() if each.waits_for is not None}

    assert waiting == {"ORD-5": "contract", "LIF-4": "release"}


def test_every_directed_example_is_named_after_its_property() -> None:
    for _, name, example in TESTS:
        if example.layer == "example":
            assert name.startswith(f"test_{example.property_id.lower().replace('-', '_')}_")


def test_no_two_tests_have_one_name() -> None:
    names = Counter(name for _, name, _ in TESTS)

    assert [name for name, count in names.items() if count > 1] == []


def test_suite_collects_every_test() -> None:
    suite = conformance_suite(MemoryHarness)

    for part in ("backend", "store"):
        collected = getattr(suite, f"Test{part.title()}")
        assert {name for name in dir(collected) if name.startswith("test_")} == {*shown_by(part)}


def test_no_test_of_any_layer_ends_early_or_swallows_an_error() -> None:
    for group, name, _ in TESTS:
        source = textwrap.dedent(inspect.getsource(method_of(group, name)))
        [function] = ast.parse(source).body
        assert isinstance(function, ast.FunctionDef)
        early = [node for node in own_nodes(function) if is_early(node)]
        assert not early, f"{name} may pass without having shown anything"


def test_door_of_the_suite_offers_these_names_and_explains_each() -> None:
    assert set(anyjob.conformance.__all__) == {
        "Checked",
        "FakeClock",
        "Harness",
        "OwnProcess",
        "Property",
        "Site",
        "backend_properties",
        "conformance_suite",
        "run_property",
        "store_properties",
    }
    for name in anyjob.conformance.__all__:
        assert inspect.getdoc(getattr(anyjob.conformance, name))


def test_harness_that_makes_nothing_is_refused() -> None:
    class Nothing(Harness):
        pass

    with pytest.raises(ConfigurationError, match="a backend, a store or both, got neither"):
        conformance_suite(Nothing)


def is_early(node: ast.AST) -> bool:
    """Whether it may leave a test before its end: a return, or an error that goes no further."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name):
        name = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
        return name in ("suppress", "xfail", "exit", "_exit")
    return isinstance(node, ast.Return) or (isinstance(node, ast.Try) and bool(node.handlers))


def own_nodes(function: ast.FunctionDef) -> list[ast.AST]:
    """The nodes of a function without those of the functions inside it."""
    found: list[ast.AST] = []
    left: list[ast.AST] = list(function.body)
    while left:
        node = left.pop()
        if isinstance(node, ast.FunctionDef | ast.Lambda):
            continue
        found.append(node)
        left += ast.iter_child_nodes(node)
    return found
