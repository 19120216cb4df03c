"""Which examples run the code that a mutant changes; the others spare it by nature.

What an example enters is seen on the sound backend. Until an example enters a function that was
changed, the mutant does what the sound one does, and so an example that enters none passes.
"""

from __future__ import annotations

import ast
import sys
import threading
from collections.abc import Callable, Iterator
from functools import cache
from importlib.resources import files
from types import CodeType, FrameType
from typing import Any

from tests.conformance.zoo.judging import Found, directed, judged
from tests.conformance.zoo.mutant import Kind, MemoryMutantHarness, Mutant, SQLiteMutantHarness
from tests.conformance.zoo.planting import SHARED, Edit

#: A function: the name of its file, and the line on which it begins.
Function = tuple[str, int]

_SOUND = {"memory": MemoryMutantHarness, "sqlite": SQLiteMutantHarness}
#: What everybody reads off an opened backend, without entering anything.
_READ_BY_ALL = "CAPABILITIES"


def touching(mutant: Mutant, examples: list[Found]) -> list[Found]:
    """Those of these directed examples that may enter what the mutant changes."""
    changed = _changed(mutant)
    if changed is None:
        return examples
    entered = _entered(mutant.of)
    return [each for each in examples if changed & entered[each[1]]]


def _changed(mutant: Mutant) -> set[Function] | None:
    """The functions that it changes; None where that may be anything."""
    if mutant.of not in _SOUND or mutant.wrap is not None:
        return None
    changed: set[Function] = set()
    for edit in mutant.edits:
        if _only_adds(edit):
            continue
        functions = _changed_by(edit, mutant.of)
        if not functions:
            return None
        changed |= functions
    return changed or None


def _only_adds(edit: Edit) -> bool:
    """Whether it brings in a name that another edit uses: an import, or a function of its own."""
    begins = ("import ", "from ", "class ", "def ")
    return edit.old.startswith(begins) and edit.new.endswith(edit.old)


def _changed_by(edit: Edit, kind: Kind) -> set[Function]:
    """The functions of which an edit changes the body, or a constant of the module; none where
    nobody can tell.
    """
    sources = _sources(kind)
    tree, first, last = ast.parse(sources[edit.file]), *_lines(sources[edit.file], edit.old)
    functions = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.lineno < first and last <= _end(node)
    ]
    if functions:
        return {_function(edit.file, max(functions, key=lambda node: node.lineno))}
    for node in tree.body:
        if isinstance(node, ast.Assign) and node.lineno <= first and last <= _end(node):
            [target] = node.targets
            if isinstance(target, ast.Name) and target.id != _READ_BY_ALL:
                return set(_users(target.id, sources))
    return set()


def _users(name: str, sources: dict[str, str]) -> Iterator[Function]:
    """The functions that read a constant, or another one that is made of it."""
    for file, source in sources.items():
        tree = ast.parse(source)
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and _mentions(node, name):
                yield _function(file, node)
        for node in tree.body:
            if isinstance(node, ast.Assign) and _mentions(node.value, name):
                for target in node.targets:
                    if isinstance(target, ast.Name):
                        yield from _users(target.id, sources)


def _mentions(node: ast.AST, name: str) -> bool:
    return any(
        getattr(each, "id", None) == name or getattr(each, "attr", None) == name
        for each in ast.walk(node)
    )


def _lines(source: str, old: str) -> tuple[int, int]:
    """The first and the last line of what is edited."""
    at = source.index(old)
    begin, end = at + len(old) - len(old.lstrip()), at + len(old.rstrip())
    return source.count("\n", 0, begin) + 1, source.count("\n", 0, end) + 1


def _end(node: ast.stmt) -> int:
    return node.end_lineno or node.lineno


def _function(file: str, node: ast.FunctionDef) -> Function:
    # A code object begins with its decorators.
    return file, min([node.lineno, *(each.lineno for each in node.decorator_list)])


@cache
def _sources(kind: Kind) -> dict[str, str]:
    """The sources that an edit may be in, by the name of the file."""
    package = files(f"anyjob.backends.{kind}")
    own = {each.name: each for each in package.iterdir() if each.name.endswith(".py")}
    shared = {
        name: files(module.rpartition(".")[0]).joinpath(name) for name, module in SHARED.items()
    }
    return {name: each.read_text("utf-8") for name, each in {**shared, **own}.items()}


@cache
def _entered(kind: Kind) -> dict[str, frozenset[Function]]:
    """By the name of each directed example: the functions that it enters, from any thread."""
    found = {}
    for each in directed():
        codes: set[CodeType] = set()
        with _Watch(codes.add):
            list(judged(_SOUND[kind](), [each]))
        found[each[1]] = frozenset(
            (code.co_filename.rpartition("/")[2], code.co_firstlineno)
            for code in codes
            if code.co_filename.startswith("<zoo_")
        )
    return found


class _Watch:
    """Tells of every function that is entered in the block."""

    def __init__(self, tell: Callable[[CodeType], object]) -> None:
        self._tell = tell

    def __enter__(self) -> None:
        threading.settrace(self._called)
        sys.settrace(self._called)

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)
        threading.settrace(None)

    def _called(self, frame: FrameType, event: str, argument: Any) -> None:
        self._tell(frame.f_code)
