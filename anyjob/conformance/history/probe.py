"""The control probe: before a backend is blamed, the bare service is tried in the same way."""

from __future__ import annotations

import time
from pathlib import Path

import msgspec

from anyjob.conformance.harness import Harness, offers
from anyjob.conformance.history.crew import Crew, failure_of
from anyjob.conformance.history.part import Order, Place
from anyjob.conformance.history.probing import MESSAGES, value_of
from anyjob.conformance.history.processes import crew_for
from anyjob.conformance.scene import Scene

#: How many processes store.
_SIDES = 2
_PAUSE = 0.02
_PATIENCE = 30.0


def service_loses(harness: Harness) -> str:
    """Store values with the bare service from several processes; a note if it loses some, "" if it
    loses none or there is no way to ask.
    """
    if not offers(harness, "raw_client"):
        return ""
    with Scene(harness, None) as scene:
        folder = scene.site.folder / "probe"
        folder.mkdir()
        with crew_for(harness, scene.capabilities.reach) as crew:
            keys = _stored(crew, folder, Place.of(scene.site))
        client = harness.raw_client(scene.site)
        lost = [key for key in keys if client.get(key) != value_of(key)]
        product = scene.capabilities.product
    return f"the control probe lost {len(lost)} of {len(keys)} to {product} too" if lost else ""


def _stored(crew: Crew, folder: Path, place: Place) -> list[str]:
    names = [f"put-{n}" for n in range(_SIDES)]
    for name in names:
        crew.start(
            Order(
                name=name,
                role="probe_put",
                history=str(folder),
                place=place,
                facts={"messages": MESSAGES // _SIDES},
            )
        )
    deadline = time.monotonic() + _PATIENCE
    while crew.running() and time.monotonic() < deadline:
        time.sleep(_PAUSE)
    crew.stop(*names)
    found: list[str] = []
    for name in names:
        assert crew.ended[name] == "done", f"the probe's {name}: {failure_of(folder, name)}"
        found += msgspec.json.decode((folder / f"{name}.json").read_bytes(), type=list[str])
    return found
