"""The properties of a store: a file for each group."""

from anyjob.conformance.store.across import StoresAcrossProcesses
from anyjob.conformance.store.claims import Claims
from anyjob.conformance.store.crashes import StoreCrashes
from anyjob.conformance.store.increments import Increments
from anyjob.conformance.store.keys import Keys
from anyjob.conformance.store.members import Members
from anyjob.conformance.store.properties import StoreProperties
from anyjob.conformance.store.schedules import Schedules
from anyjob.conformance.store.series import TimeSeries
from anyjob.conformance.store.whole import Whole

#: In the order of the contract.
STORE_GROUPS: tuple[type[StoreProperties], ...] = (
    Keys,
    Claims,
    Members,
    Increments,
    Schedules,
    TimeSeries,
    StoreCrashes,
    Whole,
    StoresAcrossProcesses,
)

__all__ = ["STORE_GROUPS", "StoreProperties"]
