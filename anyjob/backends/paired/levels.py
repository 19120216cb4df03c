"""What a pair declares: what its backend has, and what a store adds to it."""

from __future__ import annotations

from msgspec.structs import replace

from anyjob.backends.paired.agenda import TAKEN
from anyjob.backends.paired.messages import OVERHEAD
from anyjob.core.capabilities import FROM_STORE, Capabilities
from anyjob.core.store import StoreCapabilities

#: Seconds that the end of a job is remembered.
DEDUP_WINDOW = 60.0
#: Due jobs go over from the store within so many seconds.
_SCHEDULE_LAG = 1.0
_REACHES = ("process", "host", "network")
_DURABILITIES = ("none", "process", "os")
_FAILOVERS = ("lossy", "none", "lossless")


def gains(capabilities: Capabilities) -> list[str]:
    """What a backend lacks that a store can give; empty where a store adds nothing."""
    missing = [name for name in sorted(FROM_STORE) if capabilities.lacks(name)]
    if "delay" not in missing and capabilities.max_delay is not None:
        missing.append("max_delay")
    return missing


def paired(backend: Capabilities, store: StoreCapabilities) -> Capabilities:
    """What the two are together: the weaker of both where both are needed."""
    delays = backend.delay == "none" or backend.max_delay is not None
    return replace(
        backend,
        product=f"{backend.product} with {store.product}",
        version=f"{backend.version} with {store.version}",
        emulator=backend.emulator or store.emulator,
        reach=min(backend.reach, store.reach, key=_REACHES.index),
        durability=min(backend.durability, store.durability, key=_DURABILITIES.index),
        # A store says nothing of replicas.
        failover=min(backend.failover, "none", key=_FAILOVERS.index),
        dedup="window",
        dedup_window=max(DEDUP_WINDOW, backend.dedup_window),
        atomic_batch=False,
        atomic_children=False,
        transaction=False,
        delay="emulated" if delays else backend.delay,
        max_delay=None,
        resolution=max(backend.resolution, store.resolution),
        schedule_lag=max(backend.schedule_lag, _SCHEDULE_LAG) if delays else backend.schedule_lag,
        # Whoever took it over when it came due may have died.
        redelivery_lag=max(backend.redelivery_lag, TAKEN) if delays else backend.redelivery_lag,
        # What was cancelled stays with the backend until it comes up.
        counts="ready" if backend.counts == "ready" else "approximate",
        results="emulated",
        cancel="emulated",
        unique="emulated",
        pause="emulated" if backend.pause == "none" else backend.pause,
        max_payload=backend.max_payload - OVERHEAD,
    )
