"""The door for authors of backends: what it offers is a promise to other packages."""

import anyjob.backends
from anyjob.backends import checks, declared, polling
from anyjob.core import (
    backend,
    capabilities,
    clock,
    envelope,
    errors,
    names,
    place,
    seam,
    settlement,
    state,
    store,
)

PROMISED = {
    checks: "check_edit",
    declared: "check_jobs refusing",
    polling: "Polled PollingConsumer",
    backend: "CONTRACT Backend CancelResult Consumer Counts Finding JobRecord Page QueueShare"
    " QueueSpec Watch",
    capabilities: "Capabilities",
    clock: "Clock SystemClock",
    envelope: "ACCEPTED DEFAULT_PRIORITY MAX_UNIQUE_KEY PRIORITIES Accepted Duplicate Envelope"
    " Receipt Rejected Unique",
    errors: "AnyjobError BackendCorrupt BackendError BackendFull BackendUnavailable"
    " ConfigurationError EnqueueUncertain InvalidOption Misuse PayloadTooLarge"
    " UnsupportedCapability",
    names: "checked_name suggestion",
    place: "Place",
    seam: "MAX_PAGE check_count check_envelopes check_seconds check_settlements check_states",
    settlement: "MAX_NOTE Abandon Answer Bury Complete End Lease Release Retry Settled Settlement"
    " Verdict",
    state: "TERMINAL WAITING State",
    store: "MAX_KEY Claim ClaimRequest Delete Due Entry Member MemberSettled Point Put Store"
    " StoreCapabilities Written",
}


def test_the_door_offers_exactly_what_is_promised() -> None:
    promised = {name for text in PROMISED.values() for name in text.split()}

    assert set(anyjob.backends.__all__) == promised


def test_the_door_hands_out_the_contracts_own_objects() -> None:
    for module, text in PROMISED.items():
        for name in text.split():
            assert getattr(anyjob.backends, name) is getattr(module, name)
