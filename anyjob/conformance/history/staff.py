"""Who works in a run, and what they are told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from anyjob.conformance.harness import Site
from anyjob.conformance.history.crew import Crew
from anyjob.conformance.history.events import Header
from anyjob.conformance.history.part import Order, Place
from anyjob.conformance.history.plan import Plan
from anyjob.conformance.scene import Scene
from anyjob.conformance.stage import SLACK


class Staff:
    """Who works in a run; somebody takes the place of each consumer that was killed."""

    def __init__(self, crew: Crew, orders: Orders, plan: Plan) -> None:
        self.crew = crew
        self._orders = orders
        self._plan = plan
        self._replaced: set[str] = set()
        #: How many consumers there were in all.
        self.consumers = 0

    def hire_all(self) -> None:
        plan = self._plan
        for number in range(plan.consumers):
            self._hire(f"consumer-{number}")
        for number in range(plan.producers):
            first = number == 0
            name, jobs = f"producer-{number}.1", plan.jobs // plan.producers
            whole_batch = first and plan.whole_batch
            facts = {
                "jobs": jobs,
                "special": first and not plan.delays_all,
                "whole_batch": whole_batch,
                "delays_all": plan.delays_all,
            }
            self.crew.start(self._orders.order(name, "produce", **facts))

    def at_work(self, kind: str) -> list[str]:
        """The names of consumers or producers that have not ended."""
        return sorted(name for name in self.crew.running() if name.startswith(kind))

    def replace_killed(self) -> None:
        for name, how in list(self.crew.ended.items()):
            if how == "killed" and name not in self._replaced:
                self._replaced.add(name)
                if name.startswith("consumer"):
                    self._hire(name.partition(".")[0])

    @property
    def is_spent(self) -> bool:
        """Whether far more died than faults and one poison job account for."""
        plan = self._plan
        expected = plan.consumers + plan.kills + plan.max_redeliveries + 1
        return self.consumers > 2 * expected

    def dismiss(self) -> list[str]:
        """Let everybody finish; returns who had to be killed."""
        return self.crew.stop(*self.crew.running())

    def _hire(self, place: str) -> None:
        self.consumers += 1
        self.crew.start(self._orders.order(f"{place}.{self.consumers}", "consume"))


class Orders(msgspec.Struct, frozen=True):
    """What all parts of a run know."""

    scene: Scene
    #: Where the parts find what they work on.
    site: Site
    plan: Plan
    seed: int
    history: Path

    def order(self, name: str, role: str, **facts: Any) -> Order:
        """An order to a part."""
        plan, levels = self.plan, self.scene.capabilities
        # Longer than a wake-up may take, so that one that is lost shows; but where the fence is
        # local, a lease is counted from before the fetch.
        is_local = levels.fencing == "local"
        timeout = plan.lease / 6 if is_local else levels.wakeup_lag + SLACK + 1.0
        known = {
            "queues": plan.queues,
            "lease": plan.lease,
            "credit": plan.credit,
            "timeout": timeout,
            "max_attempts": plan.max_attempts,
            "max_redeliveries": plan.max_redeliveries,
            "delays": plan.delays,
            "drains": False,
            **facts,
        }
        return Order(
            name=name,
            role=role,
            history=str(self.history),
            place=Place.of(self.site),
            seed=self.seed,
            facts=known,
        )

    def header(self, consumers: int) -> Header:
        """What the history is judged by."""
        return Header(
            seed=self.seed,
            capabilities=msgspec.to_builtins(self.scene.capabilities),
            max_attempts=self.plan.max_attempts,
            max_redeliveries=self.plan.max_redeliveries,
            consumers=consumers + 1,
            slack=SLACK,
        )
