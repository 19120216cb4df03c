"""What may end a day early: told at once, and judged in the end by what was not done."""

from __future__ import annotations


class ShopError(Exception):
    """The root of what ends a day early."""


class QueueInUse(Exception):
    """Raised, before anything is done, when a queue holds jobs of somebody else."""


class JobRefused(ShopError):
    """Raised when a job was not taken in."""


class Stalled(ShopError):
    """Raised when nothing new has happened for too long."""


class WorkerDied(ShopError):
    """Raised when a worker process ended although nobody asked it to."""


class CommandFailed(ShopError):
    """Raised when a command of anyjob ended in an error."""
