"""What no backend may do to a job, one rule a function."""

from collections.abc import Mapping

from anyjob.conformance.history.rules.body import corrupt
from anyjob.conformance.history.rules.counters import over_limit, step, token
from anyjob.conformance.history.rules.dead import dead_unequal, false_end
from anyjob.conformance.history.rules.finding import Finding, Rule
from anyjob.conformance.history.rules.keys import unique
from anyjob.conformance.history.rules.late import wakeup
from anyjob.conformance.history.rules.leases import fence, overlap
from anyjob.conformance.history.rules.operations import credit, operations
from anyjob.conformance.history.rules.order import fifo, inversion, starved
from anyjob.conformance.history.rules.presence import lost, phantom
from anyjob.conformance.history.rules.repeats import duplicate, resurrected
from anyjob.conformance.history.rules.shares import shares
from anyjob.conformance.history.rules.time import early

RULES: Mapping[str, Rule] = {
    "lost": lost,
    "phantom": phantom,
    "corrupt": corrupt,
    "early": early,
    "resurrected": resurrected,
    "duplicate": duplicate,
    "overlap": overlap,
    "fence": fence,
    "step": step,
    "token": token,
    "over_limit": over_limit,
    "inversion": inversion,
    "fifo": fifo,
    "dead_unequal": dead_unequal,
    "false_end": false_end,
    "unique": unique,
    "starved": starved,
    "shares": shares,
    "credit": credit,
    "wakeup": wakeup,
    "operations": operations,
}

__all__ = ["RULES", "Finding", "Rule"]
