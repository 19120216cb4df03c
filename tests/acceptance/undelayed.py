"""The program for a backend without delays: those of its tasks that are never retried later."""

from __future__ import annotations

import os

from anyjob import App
from tests.acceptance import program


def make(url: str | None = None, *, namespace: str | None = None) -> App:
    """The app: `anyjob worker tests.acceptance.undelayed:make()`."""
    jobs = App(url, namespace=namespace)
    for function in (program.work, program.effect):
        jobs.task(function)
    if "PROGRAM_FOLDER" in os.environ:
        jobs.on("job.reclaimed")(program.note_reclaimed)
    return jobs
