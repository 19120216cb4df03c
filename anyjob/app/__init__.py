"""The one place where registry, backend, store, middleware and configuration meet."""

from anyjob.app.app import App, ViewPage
from anyjob.app.doctor import Report

__all__ = ["App", "Report", "ViewPage"]
