"""What a verb looks at: an application's one backend, or its several, opened as they are needed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from anyjob.app import App
from anyjob.cli.failure import code_of
from anyjob.cli.output import Column
from anyjob.cli.session import Session
from anyjob.core.errors import AnyjobError, BackendError, ConfigurationError, UnsupportedCapability

#: How the backend of a queue is shown, where there are several.
_BACKEND = Column("backend")


class Site:
    """The backends of an application, for a look or for a change of what is there.

    Each is opened without making anything, and whatever its tasks ask. Of several, one that does
    not answer is told of and left out, unless it is the one that is asked for; the exit code tells
    of it too.
    """

    def __init__(self, app: App, session: Session, *, in_memory: bool) -> None:
        self._app = app
        self._session = session
        self._in_memory = in_memory
        self._apps = {name: app.at(name) for name in app.backends} or {app.on_backend: app}
        self._is_open: set[str] = set()
        #: By queue, the backend on which it was found though it is routed to none.
        self._found: dict[str, str] = {}
        self._away: dict[str, AnyjobError] = {}

    @property
    def is_several(self) -> bool:
        """Whether it matters to say which backend a queue is on."""
        return len(self._apps) > 1

    @property
    def apps(self) -> Iterator[App]:
        """The app on each backend that answers, opened."""
        for name in self._apps:
            try:
                yield self._opened(name)
            except (BackendError, ConfigurationError) as error:
                self._leave_out(name, error)

    @property
    def away(self) -> Mapping[str, AnyjobError]:
        """Why a backend was left out, by its name."""
        return self._away

    def of(self, queue: str) -> App:
        """Return the app on the backend that has a queue, opened; raises what opening raises."""
        return self._opened(self._name_of(queue))

    def knows(self, queue: str) -> bool:
        """Whether a queue is known; asks backends only about one that the application lacks."""
        return queue in self._app.known_queues() or queue in self.queues()

    def queues(self) -> set[str]:
        """Name the queues that the application or a backend knows."""
        known: set[str] = set()
        for app in self.apps:
            try:
                here = app.queues()
            except BackendError as error:
                self._leave_out(app.on_backend, error)
                continue
            for queue in here:
                if not self._app.has_route(queue):
                    self._found.setdefault(queue, app.on_backend)
            known |= here
        return known

    def columns(self, columns: tuple[Column, ...]) -> tuple[Column, ...]:
        """Return columns with the backend's beside the queue's, if there are several."""
        place = next((n for n, c in enumerate(columns, 1) if c.key == "queue"), 0)
        return (*columns[:place], _BACKEND, *columns[place:]) if self.is_several else columns

    def placed(self, item: dict[str, Any]) -> dict[str, Any]:
        """Return an item of a listing with the backend of its queue, if there are several."""
        return item | {"backend": self._name_of(item["queue"])} if self.is_several else item

    def open_only(self) -> None:
        """Open the one backend; raises what opening raises."""
        [name] = self._apps
        self._opened(name)

    def close(self) -> None:
        """Give everything back."""
        for app in self._apps.values():
            app.close()

    def _name_of(self, queue: str) -> str:
        if not self._app.backends:
            return self._app.on_backend
        return self._app.config.route_of(queue) or self._found[queue]

    def _opened(self, name: str) -> App:
        app = self._apps[name]
        if name not in self._is_open:
            app.open(create=False, check=False)
            if app.is_new and not self._in_memory:
                raise nothing_in_memory(app)
            self._is_open.add(name)
        return app

    def _leave_out(self, name: str, error: AnyjobError) -> None:
        if not self.is_several or isinstance(error, UnsupportedCapability):
            raise error
        if name not in self._away:
            self._away[name] = error
            self._session.code = code_of(error)
            self._session.say(f"backend {name!r} is left out: {error}")


@contextmanager
def visited(app: App, session: Session, *, in_memory: bool) -> Iterator[Site]:
    """Look at an application's backends; closes them."""
    site = Site(app, session, in_memory=in_memory)
    try:
        if not site.is_several:
            # At once, so that a backend fails before anything is asked of it.
            site.open_only()
        yield site
    finally:
        site.close()


def nothing_in_memory(app: App) -> ConfigurationError:
    """Return the error of a look at jobs that live in another program."""
    return ConfigurationError(
        f"there is nothing at {app.config.backend}: its jobs live in the program that enqueues"
        " them, and no other process sees them; use sqlite:///jobs.db, or ask inside that program,"
        " as by jobs.counts()"
    )
