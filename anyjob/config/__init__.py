"""URL, TOML and environment made one frozen Config; nothing below reads the environment."""

from anyjob.config.load import load
from anyjob.config.model import Config, NamedBackend, WorkerConfig
from anyjob.config.url import BackendURL, Secret, redact

__all__ = ["BackendURL", "Config", "NamedBackend", "Secret", "WorkerConfig", "load", "redact"]
