"""The numbers under which states are stored."""

from __future__ import annotations

from anyjob.core.state import State

READY, SCHEDULED, LEASED, DEAD, SUCCEEDED, CANCELLED, EXPIRED = range(7)

NUMBER = {
    State.READY: READY,
    State.SCHEDULED: SCHEDULED,
    State.LEASED: LEASED,
    State.DEAD: DEAD,
    State.SUCCEEDED: SUCCEEDED,
    State.CANCELLED: CANCELLED,
    State.EXPIRED: EXPIRED,
}
STATE = {number: state for state, number in NUMBER.items()}
#: What is over, and remembered until it is forgotten.
ENDED = (SUCCEEDED, CANCELLED, EXPIRED)
