"""The properties of a backend: a file for each group."""

from anyjob.conformance.backend.across import AcrossProcesses
from anyjob.conformance.backend.admin import Admin
from anyjob.conformance.backend.capabilities import Declared
from anyjob.conformance.backend.crashes import Crashes
from anyjob.conformance.backend.dead import Dead
from anyjob.conformance.backend.enqueue import Enqueue
from anyjob.conformance.backend.faults import Faults
from anyjob.conformance.backend.fetch import Fetch
from anyjob.conformance.backend.lease import Leases
from anyjob.conformance.backend.lifecycle import Lifecycle
from anyjob.conformance.backend.lost_answers import LostAnswers
from anyjob.conformance.backend.maintain import Maintain
from anyjob.conformance.backend.order import Order
from anyjob.conformance.backend.outages import Outages
from anyjob.conformance.backend.payload import Payload
from anyjob.conformance.backend.properties import BackendProperties
from anyjob.conformance.backend.settle import Settle
from anyjob.conformance.backend.time import Time
from anyjob.conformance.backend.unique import Uniqueness
from anyjob.conformance.backend.ways_in import WaysIn
from anyjob.conformance.backend.wire import Wire

#: In the order of the contract.
BACKEND_GROUPS: tuple[type[BackendProperties], ...] = (
    Enqueue,
    WaysIn,
    Fetch,
    Leases,
    Settle,
    Time,
    Order,
    Dead,
    Uniqueness,
    Admin,
    Payload,
    Maintain,
    Crashes,
    LostAnswers,
    Wire,
    Outages,
    Faults,
    Lifecycle,
    Declared,
    AcrossProcesses,
)

__all__ = ["BACKEND_GROUPS", "BackendProperties"]
