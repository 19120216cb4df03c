"""Naming a harness so that a new process finds it again."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from functools import reduce
from pathlib import Path

import msgspec

from anyjob.conformance.harness import Harness
from anyjob.core.errors import ConfigurationError


class HarnessName(msgspec.Struct, frozen=True):
    """A class by its module, the module's file and its place in it."""

    module: str
    file: str
    qualname: str
    #: Where modules are looked for.
    path: tuple[str, ...]


def name_of(harness: Harness) -> HarnessName | None:
    """Its name; None for a class that a new process could not find: one made by a call."""
    kind = type(harness)
    module = sys.modules.get(kind.__module__)
    file = getattr(module, "__file__", None)
    if module is None or file is None or _found(module, kind.__qualname__) is not kind:
        return None
    file = inspect.getsourcefile(kind) or file
    return HarnessName(kind.__module__, str(Path(file).resolve()), kind.__qualname__, (*sys.path,))


def load(name: HarnessName) -> Harness:
    """Make the harness in this process; raises ConfigurationError where it is not found."""
    sys.path[:] = [*name.path]
    module = _imported(name)
    kind = _found(module, name.qualname)
    if not (isinstance(kind, type) and issubclass(kind, Harness)):
        raise ConfigurationError(
            f"expected {name.file} to hold the harness {name.qualname}, got {kind!r:.100}; define"
            " it at the top of a module, so that a new process can make it"
        )
    return kind()


def _imported(name: HarnessName) -> object:
    try:
        module = importlib.import_module(name.module)
    except ImportError:
        module = None
    if module is not None and _file_of(module) == name.file:
        return module
    # pytest collects files that no import would find.
    spec = importlib.util.spec_from_file_location(name.module, name.file)
    if spec is None or spec.loader is None:
        raise ConfigurationError(f"cannot import {name.file}, where {name.qualname} is")
    loaded = importlib.util.module_from_spec(spec)
    sys.modules[name.module] = loaded
    spec.loader.exec_module(loaded)
    return loaded


def _file_of(module: object) -> str | None:
    file = getattr(module, "__file__", None)
    return None if file is None else str(Path(file).resolve())


def _found(module: object, qualname: str) -> object:
    return reduce(lambda place, name: getattr(place, name, None), qualname.split("."), module)
