"""Which declared level or number a property is held to."""

from __future__ import annotations

from collections.abc import Mapping

#: By property: the field of the capabilities.
FIELDS = {
    "ENQ-4": "dedup",
    "ENQ-5": "atomic_batch",
    "ENQ-6": "max_batch",
    "ENQ-7": "transaction",
    "ENQ-8": "visibility_lag",
    "FET-1": "exclusive",
    "FET-3": "wakeup_lag",
    "FET-6": "prefetch",
    "LSE-1": "max_lease",
    "LSE-2": "lease",
    "LSE-3": "redelivery_lag",
    "LSE-4": "fencing",
    "LSE-5": "fencing",
    "LSE-8": "redeliveries",
    "LSE-11": "fencing",
    "SET-1": "exclusive",
    "SET-5": "release",
    "SET-7": "atomic_children",
    "SET-8": "results",
    "TIM-1": "resolution",
    "TIM-2": "schedule_lag",
    "TIM-3": "max_delay",
    "TIM-4": "clock",
    "ORD-1": "priorities",
    "ORD-2": "order",
    "ORD-3": "priorities",
    "ORD-6": "low_share",
    "DLQ-2": "dead",
    "DLQ-4": "redeliveries",
    "DLQ-5": "dead",
    "DLQ-6": "durability",
    "UNQ-1": "unique",
    "UNQ-2": "unique",
    "UNQ-4": "unique",
    "ADM-1": "counts",
    "ADM-3": "pause",
    "ADM-4": "cancel",
    "ADM-5": "browse",
    "PAY-2": "max_payload",
    "CRS-5": "durability",
    "LIF-2": "release",
    "KEY-1": "max_value",
    "KEY-4": "resolution",
    "KEY-5": "max_batch",
    "STO-2": "durability",
}


def level_of(property_id: str, capabilities: Mapping[str, object]) -> str:
    """Return the declared level that this property was held to, "" where there is but one."""
    field = FIELDS.get(property_id)
    if field is None or field not in capabilities:
        return ""
    value = capabilities[field]
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "no limit"
    return f"{value:g}" if isinstance(value, float) else str(value)
