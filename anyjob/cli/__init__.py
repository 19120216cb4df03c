"""The command line: what a person types, done through App alone."""

from anyjob.cli.run import main, run

__all__ = ["main", "run"]
