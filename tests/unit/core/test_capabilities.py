"""What a backend can do, and the plan that checks a need against it."""

from typing import Any

import pytest

from anyjob.core.backend import Backend
from anyjob.core.capabilities import Capabilities, Need, Planned, plan
from anyjob.core.errors import ConfigurationError, UnsupportedCapability


def capabilities(**fields: Any) -> Capabilities:
    plain: dict[str, Any] = {
        "product": "toy",
        "version": "1",
        "lease": "timed",
        "fencing": "token",
        "durability": "none",
        "dedup": "window",
        "dedup_window": 60.0,
        "atomic_batch": True,
        "max_batch": 1000,
        "atomic_children": True,
        "transaction": False,
        "delay": "native",
        "resolution": 0.001,
        "schedule_lag": 1.0,
        "priorities": 10,
        "low_share": "native",
        "order": "fifo",
        "redeliveries": "exact",
        "release": "place",
        "dead": "native",
        "counts": "exact",
        "browse": "all",
        "results": "native",
        "cancel": "native",
        "unique": "native",
        "pause": "native",
        "wait": "block",
        "wakeup_lag": 0.05,
        "visibility_lag": 0.0,
        "redelivery_lag": 1.0,
        "max_payload": 1_000_000,
    }
    return Capabilities(**(plain | fields))


def need(capability: str, amount: float = 0.0) -> Need:
    return Need(capability, "a thing", "task 'a'", amount)


def test_need_is_met_natively_or_by_emulation() -> None:
    toy = capabilities(unique="emulated", transaction=True)

    assert toy.require(need("delay")) == "native"
    assert toy.require(need("unique")) == "emulated"
    assert toy.require(need("transaction")) == "native"
    assert toy.require(need("dedup")) == "native"
    assert toy.require(need("max_lease")) == "native"


@pytest.mark.parametrize(
    ("fields", "name"),
    [({"unique": "none"}, "unique"), ({}, "transaction"), ({"dedup": "none"}, "dedup")],
)
def test_need_that_nobody_meets_is_refused_by_name(fields: dict[str, Any], name: str) -> None:
    with pytest.raises(UnsupportedCapability) as refused:
        capabilities(**fields).require(need(name))

    assert refused.value.name == name
    remedy = "" if name == "transaction" else " add store=... that gives it,"
    assert str(refused.value) == (
        f"task 'a' needs a thing, which toy cannot do; leave it out,{remedy}"
        " or use a backend that declares it"
    )


def test_delay_is_refused_only_past_the_longest() -> None:
    toy = capabilities(max_delay=900.0)

    assert toy.require(need("delay", 900.0)) == "native"
    assert capabilities().require(need("delay", 1e10)) == "native"
    with pytest.raises(UnsupportedCapability) as refused:
        toy.require(need("delay", 900.5))
    assert refused.value.name == "max_delay"
    assert "a thing of 900.5 s, longer than the 900 s of toy" in str(refused.value)


def test_need_that_is_no_capability_is_a_mistake_of_who_asks() -> None:
    with pytest.raises(ConfigurationError, match=r"which is no capability; did you mean 'unique'"):
        capabilities().require(need("uniqe"))


def test_plan_lists_every_need_in_order_or_stops_at_the_first_that_is_not_met() -> None:
    needs = [need("delay"), need("unique")]

    assert plan(capabilities(unique="emulated"), needs) == [
        Planned(needs[0], "native"),
        Planned(needs[1], "emulated"),
    ]
    with pytest.raises(UnsupportedCapability):
        plan(capabilities(unique="none"), needs)


def test_capabilities_are_frozen() -> None:
    with pytest.raises(AttributeError):
        capabilities().max_batch = 5  # type: ignore[misc]


class Bare(Backend):
    """A backend that answers only what the base answers."""


def test_backend_that_adds_nothing_has_no_store_no_weakness_and_tells_nothing() -> None:
    Bare.__abstractmethods__ = frozenset()
    bare = Bare("bare://")  # type: ignore[abstract]

    assert bare.store() is None
    assert bare.weaknesses() == []
    bare.subscribe(lambda name, facts: pytest.fail(f"told of {name} {facts}"))


@pytest.mark.parametrize(("longest", "timeout"), [(None, 1e6), (600.0, None), (600.0, 599.9)])
def test_attempt_that_fits_is_let_be(longest: float | None, timeout: float | None) -> None:
    capabilities(max_lease=longest).check_length(timeout, "task 't'")


@pytest.mark.parametrize("timeout", [600.0, 601.0])
def test_attempt_that_outlasts_the_longest_lease_is_refused_by_name(timeout: float) -> None:
    with pytest.raises(UnsupportedCapability, match=r"task 't' may run for 60\d s") as refusal:
        capabilities(max_lease=600.0).check_length(timeout, "task 't'")

    assert refusal.value.name == "max_lease"
    assert "allow_long_jobs = true" in str(refusal.value)
