"""Which application a verb works on."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import msgspec

from anyjob.app import App
from anyjob.cli.failure import AppNotLoaded
from anyjob.cli.session import Session
from anyjob.cli.site import Site, visited
from anyjob.core.errors import ConfigurationError
from anyjob.core.names import suggestion

_OURS = str(Path(__file__).parents[1])


class Where(msgspec.Struct, frozen=True):
    """What the command line says about application and backend."""

    #: Learns which application it is, whose secrets no error may show.
    session: Session
    app: str | None = None
    backend: str | None = None
    store: str | None = None
    #: Whether a backend alone is not enough.
    needs_tasks: bool = False

    def found(self) -> App:
        """Return the application; `with` opens it, and the session knows it.

        A backend on the command line goes before an application of the environment. Raises
        UsageError and AppNotLoaded.
        """
        self.session.app = self._found()
        return self.session.app

    def _found(self) -> App:
        # A name is none of a place, but of one of the application's own backends.
        name = self.backend if self.backend and "://" not in self.backend else None
        url = None if name else self.backend
        if self.app and (url or self.store):
            raise click.UsageError("--app has its own backend; leave out --backend and --store")
        if self.store and not url:
            raise click.UsageError("--store belongs to a backend; name it with --backend")
        spec = self.app or ("" if url else os.environ.get("ANYJOB_APP", ""))
        if name:
            return _at(find_app(spec) if spec else App(), name)
        if spec:
            return find_app(spec)
        if self.needs_tasks:
            raise click.UsageError(
                "this verb needs the application's tasks; name it with --app module:attribute, or"
                " set ANYJOB_APP"
            )
        return App(self.backend, store=self.store)

    @contextmanager
    def used(self) -> Iterator[App]:
        """Open the application for use; of several backends, each when it is needed."""
        app = self.found()
        if app.backends:
            with closing(app):
                yield app
        else:
            with app:
                yield app

    @contextmanager
    def existing(self, *, in_memory: bool = False) -> Iterator[Site]:
        """Open the application for a look, or for a change of what is there: make nothing.

        A task that the backend cannot honour does not keep anybody from looking. `in_memory` is for
        what is asked of the application rather than of its jobs. Raises as `found`, and
        ConfigurationError where there is nothing to look at.
        """
        with visited(self.found(), self.session, in_memory=in_memory) as site:
            yield site


def _at(app: App, name: str) -> App:
    try:
        return app.at(name)
    except ConfigurationError as error:
        raise click.UsageError(f"--backend: {error}") from error


def find_app(spec: str) -> App:
    """Return the application that `module:attr[.attr]`, `module:make()` or `module` names.

    The current folder is on the path. Raises AppNotLoaded, whatever the module raises.
    """
    module_name, _, path = spec.partition(":")
    if "/" in module_name or module_name.endswith(".py") or not module_name:
        raise AppNotLoaded(
            f"app {spec!r} is not written as module:attribute; write it as Python imports it, for"
            " example shop.jobs:app"
        )
    module = _imported(module_name, spec)
    if not path:
        return _only_app_of(module, spec)
    found = _attribute(module, path.removesuffix("()"), spec)
    if path.endswith("()"):
        found = _made(found, spec)
    if not isinstance(found, App):
        raise AppNotLoaded(
            f"expected {spec!r} to be an App, got {type(found).__name__}{_apps_as_help(module)}"
        )
    return found


def _imported(name: str, spec: str) -> ModuleType:
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name + ".").startswith(error.name + "."):
            raise AppNotLoaded(
                f"app {spec!r} cannot be loaded: there is no module {error.name!r} on the path; run"
                " this in the folder that has it, or install it"
            ) from error
        raise _not_loaded(spec, error) from error
    except (Exception, SystemExit) as error:  # user code: the application's module
        raise _not_loaded(spec, error) from error


def _made(factory: Any, spec: str) -> Any:
    if not callable(factory):
        raise AppNotLoaded(
            f"{spec!r} cannot be called: it is {type(factory).__name__}; leave out the ()"
        )
    try:
        return factory()
    except (Exception, SystemExit) as error:  # user code: the application's factory
        raise _not_loaded(spec, error) from error


def _not_loaded(spec: str, error: BaseException) -> ConfigurationError:
    what = f"{type(error).__name__}: {error}".replace("\n", " ")
    # An advice of the error's own would be taken for ours.
    return AppNotLoaded(
        f"app {spec!r} cannot be loaded: {what.replace('; ', ', ')}{_place(error)};"
        " correct it (-v shows the traceback)"
    )


def _place(error: BaseException) -> str:
    if isinstance(error, SyntaxError):
        return ""  # its text names the place
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [f for f in frames if not f.filename.startswith((_OURS, "<frozen"))]
    if not theirs:
        return ""
    return f" ({Path(theirs[-1].filename).name}, line {theirs[-1].lineno})"


def _attribute(module: ModuleType, path: str, spec: str) -> Any:
    found: Any = module
    for name in path.split("."):
        try:
            found = getattr(found, name)
        except AttributeError as error:
            raise AppNotLoaded(
                f"app {spec!r} cannot be loaded: {module.__name__!r} has no {path!r}"
                f"{_apps_as_help(module)}"
            ) from error
    return found


def _only_app_of(module: ModuleType, spec: str) -> App:
    apps = _apps_of(module)
    if len(set(map(id, apps.values()))) == 1:
        return next(iter(apps.values()))
    if apps:
        named = " and ".join(sorted(apps))
        raise AppNotLoaded(f"{spec!r} has several apps: {named}; name one as {spec}:{min(apps)}")
    raise AppNotLoaded(f"{spec!r} has no App; name a module and attribute that has one")


def _apps_of(module: ModuleType) -> dict[str, App]:
    return {name: value for name, value in vars(module).items() if isinstance(value, App)}


def _apps_as_help(module: ModuleType) -> str:
    apps = _apps_of(module)
    if not apps:
        return "; name an attribute that is an App"
    return suggestion("", apps).replace("known: ", "its apps: ")


def refuse_memory(app: App, asked: str, queue: str | None = None) -> None:
    """Raise ConfigurationError if the jobs, those of `queue` or of any, live in the program that
    enqueues them.

    The command line is another program: what it enqueued would be lost when it ends.
    """
    if app.backends:
        parts = [app.at(name) for name in app.backends]
        for part in parts:
            # By its address, for one that is not used need not answer.
            if (queue is None or part.has(queue)) and part.config.backend.scheme == "memory":
                refuse_memory(part, asked)
        return
    if app.backend.capabilities.reach == "process":
        raise ConfigurationError(
            f"cannot {asked} on {app.config.backend}: its jobs live in the program that enqueues"
            " them, and no other process sees them; use sqlite:///jobs.db, or run the worker"
            " inside the program, `with jobs.worker():`"
        )
    if app.store is not None and app.store.capabilities.reach == "process":
        raise ConfigurationError(
            f"cannot {asked} with store {app.config.store}: it lives in one program, and no other"
            " process sees it; leave it out, or name one that is shared"
        )
