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
from anyjob.conformance.history.backend import BackendHistories
from anyjob.conformance.machines import BackendMachines
from anyjob.conformance.suite import examples
from anyjob.core.errors import ConfigurationError
from tests.conformance.test_memory import MemoryHarness

PROPERTIES = {**backend_properties(), **store_properties()}
EXAMPLES = list(examples())


def method_of(group: type, name: str) -> Callable[..., Any]:
    method: Callable[..., Any] = inspect.unwrap(vars(group)[name])
    return method


def test_manifest_names_every_property_of_the_contract_once() -> None:
    assert len(backend_properties()) == 100
    assert len(store_properties()) == 23
    assert len(PROPERTIES) == 123


def test_each_property_has_an_example_or_says_what_it_waits_for() -> None:
    shown = {example.property_id for _, _, example in EXAMPLES}

    waiting = {id for id, each in PROPERTIES.items() if each.waits_for is not None}

    assert shown | waiting == set(PROPERTIES)
    assert not shown & waiting


def test_a_property_waits_only_where_a_later_layer_is_needed_to_show_it() -> None:
    waiting = {id: each for id, each in PROPERTIES.items() if each.waits_for is not None}

    for id, each in waiting.items():
        needs = {"wire": "W", "server": "B"}.get(each.waits_for or "", "")
        # CRS-7 plants what is half written, and wants a server of its own to damage.
        assert needs in each.how or id == "CRS-7", id
    assert Counter(each.waits_for for each in waiting.values()) == {
        "wire": 7,
        "server": 6,
        "contract": 1,
        "release": 1,
    }


def test_every_example_is_named_after_its_property() -> None:
    for _, name, example in EXAMPLES:
        assert name.startswith(f"test_{example.property_id.lower().replace('-', '_')}_")


def test_no_two_groups_have_an_example_of_one_name() -> None:
    names = Counter(name for _, name, _ in EXAMPLES)

    assert [name for name, count in names.items() if count > 1] == []


def test_suite_collects_every_example() -> None:
    suite = conformance_suite(MemoryHarness)

    collected = {
        name
        for part in (suite.TestBackend, suite.TestStore)  # type: ignore[attr-defined]
        for name in dir(part)
        if name.startswith("test_")
    }

    explored = {
        name
        for part in (BackendMachines, BackendHistories)
        for name in vars(part)
        if name.startswith("test_")
    }
    assert collected == {name for _, name, _ in EXAMPLES} | explored


def test_no_example_ends_early_or_swallows_an_error() -> None:
    for group, name, _ in EXAMPLES:
        source = textwrap.dedent(inspect.getsource(method_of(group, name)))
        [function] = ast.parse(source).body
        assert isinstance(function, ast.FunctionDef)
        early = [node for node in own_nodes(function) if isinstance(node, ast.Return | ast.Try)]
        assert not early, f"{name} may pass without having shown anything"


def test_door_of_the_suite_offers_these_names_and_explains_each() -> None:
    assert set(anyjob.conformance.__all__) == {
        "Checked",
        "FakeClock",
        "Harness",
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
