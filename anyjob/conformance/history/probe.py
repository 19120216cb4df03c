"""The control probe: before a backend is blamed, the bare service is tried in the same way."""

from __future__ import annotations

import time
from pathlib import Path

import msgspec

from anyjob.conformance.harness import Harness
from anyjob.conformance.history.crew import Crew, failure_of
from anyjob.conformance.history.part import Order, Place
from anyjob.conformance.history.probing import HOOK, MESSAGES, RawClient
from anyjob.conformance.history.processes import crew_for
from anyjob.conformance.scene import Scene
from anyjob.conformance.stage import SLACK

#: How many put, and how many take.
_SIDES = 2
_PAUSE = 0.02


def service_loses(harness: Harness) -> str:
    """Send messages through the bare service from several processes; a note if it loses some, ""
    if it loses none or there is no way to ask.
    """
    if not has_hook(harness, HOOK):
        return ""
    with Scene(harness, None) as scene:
        folder = scene.site.folder / "probe"
        folder.mkdir()
        place = Place.of(scene.site)
        crew = crew_for(harness, scene.capabilities.reach)
        with crew:
            sent, taken = _play(crew, folder, place)
        taken += _drain(getattr(harness, HOOK)(scene.site))
    lost = set(sent) - set(taken)
    product = scene.capabilities.product
    return f"the control probe lost {len(lost)} of {len(sent)} to {product} too" if lost else ""


def has_hook(harness: Harness, hook: str) -> bool:
    """Whether the author wrote it, whatever this release knows of it."""
    method = getattr(type(harness), hook, None)
    return method is not None and method is not getattr(Harness, hook, None)


def _play(crew: Crew, folder: Path, place: Place) -> tuple[list[str], list[str]]:
    names = {f"put-{n}": "probe_put" for n in range(_SIDES)}
    names |= {f"take-{n}": "probe_take" for n in range(_SIDES)}
    for name, role in names.items():
        crew.start(
            Order(
                name=name,
                role=role,
                history=str(folder),
                place=place,
                facts={"messages": MESSAGES // _SIDES},
            )
        )
    deadline = time.monotonic() + 30.0
    while any(name.startswith("put") for name in crew.running()) and time.monotonic() < deadline:
        time.sleep(_PAUSE)
    crew.stop(*names)
    found: dict[str, list[str]] = {"probe_put": [], "probe_take": []}
    for name, role in names.items():
        assert crew.ended[name] == "done", f"the probe's {name}: {failure_of(folder, name)}"
        found[role] += msgspec.json.decode((folder / f"{name}.json").read_bytes(), type=list[str])
    return found["probe_put"], found["probe_take"]


def _drain(client: RawClient) -> list[str]:
    taken, deadline = [], time.monotonic() + SLACK
    while time.monotonic() < deadline:
        message = client.take()
        if message is None:
            time.sleep(_PAUSE)
            continue
        taken.append(message.decode("utf-8", "replace"))
        client.done(message)
    return taken
