"""What a run by command line is asked, handed to the process that does it."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec

from anyjob.conformance.effort import Effort
from anyjob.conformance.engine.known import WrongUse
from anyjob.conformance.engine.profiles import PARTS, PROFILES, properties_in
from anyjob.conformance.manifest import properties_of
from anyjob.core.names import suggestion


class Spec(msgspec.Struct, frozen=True):
    """One run."""

    #: `module:Class`, as it was typed.
    harness: str
    effort: Effort
    #: The properties that were chosen; all, if none.
    only: tuple[str, ...] = ()
    #: The one test to run: "backend/test_lse_4_...[own]"; None: all of the properties'.
    test: str | None = None
    #: Where what happens is written, a line each.
    events: str = ""
    #: Tests that have ended, by an earlier process of the same run.
    done: tuple[str, ...] = ()
    #: Of the tests that are wanted, every so many from this one on are run here, and the others by
    #: processes beside this one.
    turn: int = 0
    turns: int = 1

    def wants(self, part: str, test: str, properties: Collection[str]) -> bool:
        """Whether a test belongs to the run."""
        if self.test is not None:
            return self.test == f"{part}/{test}"
        return not self.only or not {*self.only}.isdisjoint(properties)

    def left(self, wanted: Sequence[str]) -> set[str]:
        """Of all that are wanted, in their order, what is left to be run here."""
        return {*wanted[self.turn :: self.turns]} - {*self.done}


def chosen(only: Sequence[str], profiles: Sequence[str]) -> tuple[str, ...]:
    """The properties that were asked for by id and by profile, in the order of the contract; none
    where all are meant.

    Raises WrongUse for an unknown one.
    """
    every = [id for part in PARTS for id in properties_of(part)]
    for id in only:
        if id not in every:
            raise WrongUse(f"there is no property {id!r}{suggestion(id, every)}")
    for name in profiles:
        if name not in PROFILES:
            raise WrongUse(f"there is no profile {name!r}{suggestion(name, PROFILES)}")
    wanted = {*only}
    for name in profiles:
        for part in PARTS:
            wanted.update(properties_in(name, part))
    return tuple(id for id in every if id in wanted)
