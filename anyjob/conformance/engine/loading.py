"""A harness by what is typed: `module:Class`."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from anyjob.conformance.harness import Harness, offers
from anyjob.core.errors import ConfigurationError
from anyjob.core.names import suggestion


class HarnessNotLoaded(ConfigurationError):
    """Raised when a harness cannot be imported, or is none."""


def find_harness(spec: str) -> type[Harness]:
    """Return the harness that `module:Class` names; the current folder is on the path.

    Raises HarnessNotLoaded, whatever the module raises.
    """
    module_name, _, path = spec.partition(":")
    if not module_name or "/" in module_name or module_name.endswith(".py"):
        raise HarnessNotLoaded(
            f"harness {spec!r} is not written as module:Class; write it as Python imports it, for"
            " example mypkg.backend:CoralHarness"
        )
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        module = import_module(module_name)
    except (Exception, SystemExit) as error:  # user code: the harness's module
        what = f"{type(error).__name__}: {error}".replace("\n", " ").replace("; ", ", ")
        raise HarnessNotLoaded(
            f"harness {spec!r} cannot be loaded: {what}; run this in the folder that has it, or"
            " correct it (-v shows the traceback)"
        ) from error
    return _checked(_attribute(module, path, spec), spec)


def _attribute(module: Any, path: str, spec: str) -> Any:
    among = {name for name, value in vars(module).items() if _is_harness(value)}
    if not path:
        if len(among) == 1:
            return getattr(module, min(among))
        raise HarnessNotLoaded(
            f"harness {spec!r} names a module with {len(among)} harnesses"
            f"{suggestion('', among) or '; write a subclass of anyjob.conformance.Harness in it'}"
        )
    found: Any = module
    for name in path.split("."):
        if not hasattr(found, name):
            raise HarnessNotLoaded(
                f"harness {spec!r} cannot be loaded: {module.__name__!r} has no {path!r}"
                f"{suggestion(path, among) or '; write a subclass of Harness in it'}"
            )
        found = getattr(found, name)
    return found


def _checked(found: Any, spec: str) -> type[Harness]:
    if not _is_harness(found):
        raise HarnessNotLoaded(
            f"expected {spec!r} to be a subclass of anyjob.conformance.Harness, got"
            f" {getattr(found, '__name__', None) or type(found).__name__}; name the class itself"
        )
    harness: type[Harness] = found
    try:
        made = harness()
    except Exception as error:  # user code: the harness's own
        raise HarnessNotLoaded(
            f"harness {spec!r} cannot be made without arguments: {type(error).__name__}: {error};"
            " leave __init__ out, or give its arguments defaults"
        ) from error
    if not (offers(made, "backend") or offers(made, "store")):
        raise HarnessNotLoaded(
            f"harness {spec!r} makes neither a backend nor a store; write backend(self, site) or"
            " store(self, site)"
        )
    return harness


def _is_harness(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, Harness) and value is not Harness
