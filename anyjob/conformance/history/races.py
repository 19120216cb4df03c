"""Things that many processes do to one backend or store in the same moment."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from anyjob.conformance.history.crew import PATIENCE, Crew, failure_of
from anyjob.conformance.history.part import Order, Place
from anyjob.conformance.history.processes import crew_for
from anyjob.conformance.stage import Stage

RACERS = 4
_LOOK = 0.005


def raced(stage: Stage, reach: str, race: str, **facts: Any) -> list[Any]:
    """Let some processes, threads where `reach` is one process, do it at once; what each found."""
    folder = stage.site.folder / f"race of {race}"
    folder.mkdir()
    crew = crew_for(stage.harness, reach)
    names = [f"racer-{number}" for number in range(RACERS)]
    place = Place.of(stage.site)
    with crew:
        for name_ in names:
            order = Order(
                name=name_,
                role="race",
                history=str(folder),
                place=place,
                facts={"race": race, "racers": names, **facts},
            )
            crew.start(order)
        _until(lambda: all((folder / f"{each}.ready").exists() for each in names), crew, folder)
        for each in names:
            crew.tell(each, "go")
        _until(lambda: not crew.running(), crew, folder)
    return [msgspec.json.decode((folder / f"{each}.json").read_bytes()) for each in names]


def _until(holds: Callable[[], bool], crew: Crew, folder: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        over = holds()
        crew.running()
        for name, how in crew.ended.items():
            assert how == "done", f"{name} {how}: {failure_of(folder, name)}"
        if over:
            return
        assert time.monotonic() < deadline, f"the racers are not done after {PATIENCE:g} s"
        time.sleep(_LOOK)


def flat(lists: Sequence[Sequence[Any]]) -> list[Any]:
    """All items of all lists."""
    return [item for items in lists for item in items]
