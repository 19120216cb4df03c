"""Jobs wherever kombu can put messages."""

from anyjob.backends.kombu.backend import KombuBackend

__all__ = ["KombuBackend"]
