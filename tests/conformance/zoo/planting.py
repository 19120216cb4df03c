"""A copy of a backend's modules with a line of their source replaced.

The copy is imported under names of its own, so that the real one, in the same process, stays whole.
"""

from __future__ import annotations

import contextlib
import importlib
import re
import sys
from collections.abc import Sequence
from importlib.abc import InspectLoader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, spec_from_loader
from itertools import count
from pathlib import Path
from types import CodeType, ModuleType

import msgspec

#: What is copied beside the backend's own package, because a defect may stand there: by the name of
#: its file.
SHARED = {
    "shares.py": "anyjob.backends.shares",
    "checks.py": "anyjob.backends.checks",
    "seam.py": "anyjob.core.seam",
}
_numbers = count(1)


class Edit(msgspec.Struct, frozen=True):
    """A piece of source that stands in `file` once, and what is to stand there instead."""

    file: str
    old: str
    new: str


def planted(package: str, edits: Sequence[Edit]) -> ModuleType:
    """Import a copy of `package` with these edits made; raises LookupError for an edit whose old
    text does not stand in its file exactly once.
    """
    prefix = f"zoo_{next(_numbers)}_"
    copied = [package, *SHARED.values()]
    finder = _Finder({f"{prefix}{name.rpartition('.')[2]}": name for name in copied}, edits)
    sys.meta_path.insert(0, finder)
    module = importlib.import_module(f"{prefix}{package.rpartition('.')[2]}")
    for edit in edits:
        with contextlib.suppress(ModuleNotFoundError):
            importlib.import_module(f"{module.__name__}.{edit.file.removesuffix('.py')}")
    finder.check()
    return module


class _Finder(MetaPathFinder, InspectLoader):
    """Finds and loads the copies by their alias."""

    def __init__(self, aliases: dict[str, str], edits: Sequence[Edit]) -> None:
        self._aliases = aliases
        self._edits = edits
        self._made: set[Edit] = set()
        # `anyjob.backends.memory` and whatever lies below it, where it is imported.
        names = "|".join(re.escape(name) for name in aliases.values())
        self._import = re.compile(rf"^(\s*(?:from|import) )({names})\b", re.MULTILINE)
        self._alias_of = {name: alias for alias, name in aliases.items()}

    def check(self) -> None:
        missing = [edit for edit in self._edits if edit not in self._made]
        if missing:
            raise LookupError(f"nobody imports {missing[0].file!r} of the copy")

    def find_spec(
        self, fullname: str, path: object = None, target: object = None
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] in self._aliases and self._original(fullname) is not None:
            return spec_from_loader(fullname, self)
        return None

    def is_package(self, fullname: str) -> bool:
        return self._file(fullname).name == "__init__.py"

    def get_source(self, fullname: str) -> str:
        original = self._file(fullname)
        source = original.read_text("utf-8")
        for edit in self._edits:
            if edit.file == original.name:
                source = _replaced(source, edit)
                self._made.add(edit)
        return self._import.sub(lambda match: match[1] + self._alias_of[match[2]], source)

    def get_code(self, fullname: str) -> CodeType:
        # No file of that name exists, so that nobody takes the copy for the original.
        name = f"<{fullname.partition('.')[0]}>/{self._file(fullname).name}"
        return compile(self.get_source(fullname), name, "exec", dont_inherit=True)

    def _file(self, fullname: str) -> Path:
        original = self._original(fullname)
        assert original is not None
        return original

    def _original(self, fullname: str) -> Path | None:
        alias, _, rest = fullname.partition(".")
        name = self._aliases[alias]
        spec = find_spec(f"{name}.{rest}" if rest else name)
        return None if spec is None or spec.origin is None else Path(spec.origin)


def _replaced(source: str, edit: Edit) -> str:
    if source.count(edit.old) != 1:
        raise LookupError(
            f"{edit.old!r} stands in {edit.file} {source.count(edit.old)} times, not once;"
            " mend the mutant"
        )
    return source.replace(edit.old, edit.new)
