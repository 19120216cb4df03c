"""What one call of the command line knows of its surroundings."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Literal, TextIO

from anyjob.config.url import redact
from anyjob.core.errors import AnyjobError

if TYPE_CHECKING:
    from rich.console import Console

    from anyjob.app import App

Color = Literal["auto", "always", "never"]


class Session:
    """The choices that hold for every verb, and where its words go."""

    def __init__(self) -> None:
        self.verbose = False
        self.color: Color = "auto"
        #: The application that the verb works on, once it is found.
        self.app: App | None = None
        #: The exit code of a verb that did what it could, and left something out.
        self.code = 0

    def redact(self, text: str) -> str:
        """Return `text` without secrets: of any URL, and of the application's configuration."""
        if self.app is not None:
            # A configuration that cannot be read has given its values to nobody.
            with suppress(AnyjobError):
                return self.app.config.redact(text)
        return redact(text)

    def say(self, text: str) -> None:
        """Write a line for the person, never data, to stderr; secrets are masked."""
        print(self.redact(text), file=sys.stderr, flush=True)  # noqa: T201 - this is the one place for it

    @property
    def can_ask(self) -> bool:
        """Whether somebody is there to answer."""
        return sys.stdin.isatty() and sys.stderr.isatty()

    def is_agreed(self, question: str) -> bool:
        """Ask on stderr; anything but yes is no."""
        # Not by `input`, which click.confirm uses too: away from stdout it forgets an interrupt
        # that comes while it writes the question.
        sys.stderr.write(f"{question} [y/N] ")
        sys.stderr.flush()
        return sys.stdin.readline().strip().lower() in ("y", "yes")

    def console(self, stream: TextIO) -> Console:
        """Return a rich console; NO_COLOR and FORCE_COLOR hold unless `--color` says otherwise."""
        from rich.console import Console

        return Console(
            file=stream,
            # What goes to a file is not cut to the width of a terminal that isn't there.
            width=None if stream.isatty() or "COLUMNS" in os.environ else 240,
            force_terminal=True if self.color == "always" else None,
            color_system=None if self.color == "never" else "auto",
            highlight=False,
            markup=False,
            emoji=False,
        )
