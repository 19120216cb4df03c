"""How much a run of the suite does, and from which seed."""

from __future__ import annotations

import os
from typing import Literal, get_args

import msgspec

from anyjob.core.errors import ConfigurationError, shown
from anyjob.core.names import suggestion

#: quick: each push, in under a minute. full: all that certifies. soak: hours, with random seeds.
Tier = Literal["quick", "full", "soak"]

# Not ANYJOB_...: those are keys of the configuration, and an unknown one is refused.
TIER = "CONFORMANCE_TIER"
SEED = "CONFORMANCE_SEED"


class Effort(msgspec.Struct, frozen=True):
    """What one run may spend."""

    tier: Tier = "quick"
    #: Two runs of one seed try the same cases.
    seed: int = 0

    def pick(self, quick: int, full: int) -> int:
        """The one number or the other, by tier."""
        return quick if self.tier == "quick" else full


def effort() -> Effort:
    """What the environment asks for, as a run hands it on to each process it starts.

    Raises ConfigurationError for a tier or seed that is none.
    """
    tier, seed = os.environ.get(TIER, "quick"), os.environ.get(SEED, "0")
    if tier not in get_args(Tier):
        raise ConfigurationError(f"{TIER} is {shown(tier)}{suggestion(tier, get_args(Tier))}")
    if not (seed.isascii() and seed.isdigit()):
        raise ConfigurationError(f"expected {SEED} to be a whole number, got {shown(seed)}")
    return Effort(tier=tier, seed=int(seed))  # type: ignore[arg-type]  # checked above
