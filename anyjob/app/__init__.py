"""The one place where registry, backend, store, middleware and configuration meet."""

from anyjob.app.app import App, ViewPage

__all__ = ["App", "ViewPage"]
