"""The dead letters: looking at them, and sending one on its way again with an argument put right.

Twice the same, for the two ways that anyjob offers: its command line and its API.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from typing import Any, Protocol

from anyjob import State
from examples.shop.errors import CommandFailed
from examples.shop.tasks import ORDERS, jobs
from examples.shop.workers import ANYJOB, APP


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter, as far as somebody needs to see it to mend it."""

    id: str
    task: str
    arguments: dict[str, Any]
    traceback: str


class Desk(Protocol):
    """Where dead letters are looked at."""

    def letters(self) -> list[Letter]:
        """All dead letters about orders, the oldest first."""

    def revive(self, letter: Letter, *, to: str) -> None:
        """Send a mail again, to another address."""


class Program:
    """The API of anyjob."""

    def letters(self) -> list[Letter]:
        page = jobs.browse(ORDERS, State.DEAD)
        return [
            Letter(job.id, job.task, json.loads(job.arguments), job.note.traceback)
            for job in page.jobs
        ]

    def revive(self, letter: Letter, *, to: str) -> None:
        jobs.revive(ORDERS, [letter.id], edit={letter.id: {"to": to}})


class CommandLine:
    """The commands that somebody would type: `anyjob dead ls|show|revive`."""

    def letters(self) -> list[Letter]:
        return [self._letter(item["id"]) for item in self._dead("ls", "-q", ORDERS, "--json")]

    def revive(self, letter: Letter, *, to: str) -> None:
        self._dead("revive", letter.id, "-q", ORDERS, "--edit", f"to={to}", "--json")

    def _letter(self, id: str) -> Letter:
        (shown,) = self._dead("show", id, "-q", ORDERS, "--json")
        return Letter(id, shown["task"], shown["arguments"], shown["traceback"])

    def _dead(self, *words: str) -> list[dict[str, Any]]:
        command = [ANYJOB, "dead", *words, "--app", APP]
        # In a process group of its own, so that Ctrl-C does not cut it short.
        ended = subprocess.run(
            command, capture_output=True, text=True, check=False, process_group=0
        )
        if ended.returncode:
            raise CommandFailed(f"anyjob dead {' '.join(words)}: {ended.stderr}")
        items: list[dict[str, Any]] = json.loads(ended.stdout)["items"]
        return items
