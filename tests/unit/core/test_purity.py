"""What core may import and call, read from its syntax trees."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[3] / "anyjob"
CORE = sorted((PACKAGE / "core").glob("*.py"))

#: I/O, threads, processes, event loops.
FORBIDDEN = {
    *("asyncio", "concurrent", "multiprocessing", "queue", "signal", "subprocess", "threading"),
    *("fcntl", "io", "mmap", "os", "pathlib", "shelve", "shutil", "sqlite3", "tempfile"),
    *("http", "select", "selectors", "smtplib", "socket", "ssl", "urllib"),
    *("ctypes", "importlib", "logging", "runpy", "secrets", "time", "uuid"),
}
EXEMPT = {
    "clock.py": {"time"},  # it is the clock that everybody else is handed
    "failpoints.py": {"signal"},  # it ends this process when a test asks for it
}
#: Deserialisers that run code, and evaluation itself: nowhere in the package.
DANGEROUS = {"pickle", "cPickle", "dill", "cloudpickle", "marshal", "yaml", "shelve", "jsonpickle"}
EVALUATION = {"eval", "exec", "compile", "__import__"}


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield node.module or ""


class _Types(ast.NodeTransformer):
    def visit_If(self, node: ast.If) -> ast.AST | None:
        is_for_types = isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        return None if is_for_types else self.generic_visit(node)


def without_types(tree: ast.AST) -> ast.AST:
    """Return the tree without what only type checkers see."""
    return _Types().visit(tree)  # type: ignore[no-any-return]


def called(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            yield ast.unparse(node.func)


@pytest.mark.parametrize("path", CORE, ids=lambda path: path.name)
def test_core_imports_no_io_no_thread_and_no_event_loop(path: Path) -> None:
    roots = {name.split(".")[0] for name in imported(ast.parse(path.read_text()))}

    assert not (roots & FORBIDDEN) - EXEMPT.get(path.name, set())


@pytest.mark.parametrize("path", CORE, ids=lambda path: path.name)
def test_core_imports_no_layer_above_it(path: Path) -> None:
    ours = [name for name in imported(ast.parse(path.read_text())) if name.startswith("anyjob")]

    assert all(name.startswith("anyjob.core") for name in ours)


@pytest.mark.parametrize("path", CORE, ids=lambda path: path.name)
def test_core_asks_no_clock_and_no_chance_of_its_own(path: Path) -> None:
    tree = ast.parse(path.read_text())

    assert not {call for call in called(tree) if call.endswith((".now", ".utcnow", ".today"))}
    # A Random is handed in; its module is imported for its type alone.
    assert "random" not in set(imported(without_types(tree)))


@pytest.mark.parametrize("path", CORE, ids=lambda path: path.name)
def test_core_opens_no_file_and_prints_nothing(path: Path) -> None:
    assert not set(called(ast.parse(path.read_text()))) & {"open", "print", "input", "breakpoint"}


def test_every_exemption_is_needed() -> None:
    for name, modules in EXEMPT.items():
        roots = set(imported(ast.parse((PACKAGE / "core" / name).read_text())))
        assert modules <= roots


@pytest.mark.parametrize(
    "path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_package_holds_nothing_that_runs_what_it_reads(path: Path) -> None:
    tree = ast.parse(path.read_text())

    roots = {name.split(".")[0] for name in imported(tree)}
    assert not roots & DANGEROUS
    assert not set(called(tree)) & EVALUATION
