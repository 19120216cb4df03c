"""A diary outside the product: what tasks did, line by line, and what it proves."""

from __future__ import annotations

import json
import os
import time
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def write(folder: Path, event: str, job: str, **facts: Any) -> None:
    """Append one line in one write, which the kernel keeps whole, also under kill -9."""
    now = time.clock_gettime(time.CLOCK_MONOTONIC)
    line = json.dumps({"event": event, "job": job, "pid": os.getpid(), "at": now} | facts)
    handle = os.open(folder / "diary.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(handle, line.encode() + b"\n")
    finally:
        os.close(handle)


class Diary:
    """The diary of one folder, read anew at each look."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def lines(self, event: str | None = None) -> list[dict[str, Any]]:
        path = self.folder / "diary.jsonl"
        text = path.read_text() if path.exists() else ""
        # A write is whole once it is done; a reader may meet it half way.
        whole = text[: text.rfind("\n") + 1]
        lines = [json.loads(line) for line in whole.splitlines()]
        return [line for line in lines if event is None or line["event"] == event]

    def runs(self) -> dict[str, list[dict[str, Any]]]:
        """The beginnings of each job, in order."""
        runs: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for line in self.lines("begin"):
            runs[line["job"]].append(line)
        return runs

    def ended(self) -> set[str]:
        return {line["job"] for line in self.lines("end")}

    def begun_by(self, pid: int) -> set[str]:
        return {line["job"] for line in self.lines("begin") if line["pid"] == pid}

    def open_by(self, pid: int) -> set[str]:
        """What a process began and did not end."""
        # By job and token: two backends may give the same token.
        closed = {(x["job"], x["token"]) for x in self.lines("end") if x["pid"] == pid}
        return {
            line["job"]
            for line in self.lines("begin")
            if line["pid"] == pid and (line["job"], line["token"]) not in closed
        }

    def by_process(self) -> dict[int, int]:
        """How many runs each process began."""
        counts: dict[int, int] = defaultdict(int)
        for line in self.lines("begin"):
            counts[line["pid"]] += 1
        return counts

    def check(self, accepted: Iterable[str]) -> None:
        """Every accepted job ran to its end, and nothing ran that nobody enqueued."""
        accepted = set(accepted)
        lost = accepted - self.ended()
        assert not lost, f"lost: {len(lost)} of {len(accepted)}, such as {sorted(lost)[:3]}"
        phantoms = set(self.runs()) - accepted
        assert not phantoms, f"ran though nobody knows of them: {sorted(phantoms)[:3]}"
        self.check_numbers()

    def check_numbers(self) -> None:
        """Attempts and redeliveries of a job never fall, and no token is seen twice."""
        for job, runs in self.runs().items():
            numbers = [(run["attempt"], run["redeliveries"]) for run in runs]
            assert numbers == sorted(numbers), f"{job} went back: {numbers}"
            tokens = [run["token"] for run in runs]
            assert len(set(tokens)) == len(tokens), f"{job} was given one token twice"
