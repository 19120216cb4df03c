"""Profiles: what a backend is certified for, computed from verdicts and what it declares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from anyjob.conformance.engine.outcome import Status
from anyjob.conformance.engine.verdict import Verdict
from anyjob.conformance.manifest import properties_of, property_of

#: certified: all of it holds. absent: the backend does not offer it, and says so. failed: a
#: property is broken, vacuous or unknown. untested: nobody looked. emulated: all of it holds on an
#: emulator, which certifies nothing.
Standing = Literal["certified", "absent", "failed", "untested", "emulated"]
Part = Literal["backend", "store"]
PARTS: tuple[Part, ...] = ("backend", "store")

#: The properties that each profile adds; core is everything that no other one names.
NAMED = {
    "scheduled": ("TIM-1", "TIM-2", "TIM-3", "TIM-4", "TIM-5", "SET-4"),
    "prioritised": ("ORD-1", "ORD-2", "ORD-3", "ORD-4", "ORD-6"),
    "ordered": ("ORD-5",),
    "unique": ("UNQ-1", "UNQ-2", "UNQ-3", "UNQ-4", "ENQ-4"),
    "transactional": ("ENQ-7",),
    "atomic": ("SET-7", "DLQ-3"),
    "inspectable": ("ADM-1", "ADM-2", "ADM-3", "ADM-4", "ADM-5", "ADM-6", "DLQ-5"),
    "durable": ("CRS-5", "DLQ-6"),
}
PROFILES = ("core", *NAMED)
#: What must not be weaker for a profile, beside its properties: the field and the values that are.
_WEAKNESSES: Mapping[str, tuple[str, tuple[object, ...]]] = {
    "scheduled": ("delay", ("none",)),
    "prioritised": ("priorities", (1,)),
    "unique": ("dedup", ("none",)),
    "transactional": ("transaction", (False,)),
    "atomic": ("atomic_children", (False,)),
    "inspectable": ("browse", ("none", "dead")),
    "durable": ("durability", ("none",)),
}
#: Hooks that nobody can write for what lives in one process, or on one host without a server.
_IMPOSSIBLE: Mapping[str, frozenset[str]] = {
    "process": frozenset({"server", "raw_client", "plant", "fill", "advance", "attest_durability"}),
    "host": frozenset({"server", "raw_client", "advance"}),
}


class Certificate(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a backend or store stands to one profile."""

    standing: Standing
    #: "process" or "os" of durable, else "".
    level: str = ""
    #: The properties in the way, with their statuses.
    missing: Mapping[str, str] = {}


def properties_in(profile: str, part: Part) -> tuple[str, ...]:
    """The properties of a profile, in the order of the contract; a store has core alone."""
    if part == "store":
        return tuple(properties_of("store")) if profile == "core" else ()
    if profile != "core":
        return NAMED[profile]
    named = {each for members in NAMED.values() for each in members}
    return tuple(each for each in properties_of("backend") if each not in named)


def members(profile: str) -> tuple[str, ...]:
    """The properties of a profile, of backend and store."""
    return tuple(id for part in PARTS for id in properties_in(profile, part))


def certificates(
    part: Part, verdicts: Mapping[str, Verdict], capabilities: Mapping[str, object]
) -> dict[str, Certificate]:
    """How it stands to each profile that there is for this part."""
    return {
        profile: _certificate(profile, part, verdicts, capabilities)
        for profile in PROFILES
        if properties_in(profile, part)
    }


def is_excused(verdict: Verdict, capabilities: Mapping[str, object]) -> bool:
    """Whether nobody looked because the harness lacks a hook that nobody could write."""
    impossible = _IMPOSSIBLE.get(str(capabilities.get("reach")), frozenset())
    return (
        verdict.status is Status.UNTESTED and bool(verdict.lacks) and impossible >= {*verdict.lacks}
    )


def _certificate(
    profile: str,
    part: Part,
    verdicts: Mapping[str, Verdict],
    capabilities: Mapping[str, object],
) -> Certificate:
    named = properties_in(profile, part)
    # Core goes with what this version of the suite can show; a profile that is asked for by its
    # name is shown as a whole.
    wanted = [each for each in named if profile != "core" or not _waits(verdicts[each], each)]
    missing = {
        each: verdicts[each].status.value
        for each in wanted
        if not _holds(profile, verdicts[each], capabilities)
    }
    if not wanted or not capabilities:
        return Certificate("untested", missing=missing or dict.fromkeys(named, "UNTESTED"))
    level = str(capabilities.get("durability", "")) if profile == "durable" else ""
    return Certificate(
        _standing(profile, missing, verdicts, capabilities), level=level, missing=missing
    )


def _waits(verdict: Verdict, property_id: str) -> bool:
    """Whether this version of the suite has nothing to show it with."""
    return (
        verdict.tests == 0 and not verdict.lacks and property_of(property_id).waits_for is not None
    )


def _holds(profile: str, verdict: Verdict, capabilities: Mapping[str, object]) -> bool:
    if profile == "core":
        return verdict.status in (Status.PASS, Status.ABSENT) or is_excused(verdict, capabilities)
    if profile == "atomic" and capabilities.get("durability") == "none":
        # What dies with its process leaves nothing half done behind, which tests call "none" too.
        return verdict.status is Status.PASS
    return verdict.status is Status.PASS and verdict.level != "none"


def _standing(
    profile: str,
    missing: Mapping[str, str],
    verdicts: Mapping[str, Verdict],
    capabilities: Mapping[str, object],
) -> Standing:
    statuses = {*missing.values()}
    if statuses & {Status.FAIL, Status.VACUOUS, Status.UNKNOWN, Status.XFAIL}:
        return "failed"
    field, weak = _WEAKNESSES.get(profile, ("", ()))
    if field and capabilities.get(field) in weak:
        return "absent"
    if statuses & {Status.ABSENT, Status.PASS}:
        return "absent"
    if missing:
        return "untested"
    return "emulated" if capabilities.get("emulator") else "certified"
