"""How thorough a run of the zoo is.

The examples have their quick size here, whatever is certified beside them: a mutant that a hundred
thousand jobs would show is shown by three thousand.
"""

from __future__ import annotations

import os

from anyjob.conformance.effort import effort

CERTIFYING = os.environ.get("CERTIFY") == "1"
SEED = effort().seed


def pick(quick: int, certifying: int) -> int:
    """The one number in a quick run, the other when certifying."""
    return certifying if CERTIFYING else quick
