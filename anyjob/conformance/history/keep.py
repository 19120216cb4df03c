"""What is kept of a failed run, so that it can be looked at and judged again."""

from __future__ import annotations

import os
from pathlib import Path

from anyjob.conformance.history.check import Verdict
from anyjob.conformance.history.record import History, save
from anyjob.conformance.history.timeline import timeline

#: Where failed histories go.
FOLDER = "CONFORMANCE_HISTORIES"


def keep(history: History, verdict: Verdict) -> Path:
    """Save history, verdict and timeline; returns the folder, a new one for each failure.

    It is made in the folder that the environment names, `.anyjob-histories` unless it does.
    """
    root = Path(os.environ.get(FOLDER, ".anyjob-histories"))
    folder = _fresh(root, f"seed-{history.header.seed}")
    save(history, folder / "history.jsonl")
    (folder / "verdict.txt").write_text(f"{verdict}\n", "utf-8")
    (folder / "timeline.html").write_text(timeline(history, verdict), "utf-8")
    return folder


def _fresh(root: Path, name: str) -> Path:
    number = 1
    while True:
        folder = root / f"{name}-{number}"
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            number += 1
        else:
            return folder
