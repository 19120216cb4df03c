"""The histories of a server that is killed, stands still and loses its connections meanwhile."""

from __future__ import annotations

import msgspec

from anyjob.conformance.backend.properties import BackendProperties
from anyjob.conformance.crash.wireless import over_wire
from anyjob.conformance.effort import effort
from anyjob.conformance.example import shows
from anyjob.conformance.history.backend import assert_holds
from anyjob.conformance.history.plan import Plan
from anyjob.conformance.history.run import run_on
from anyjob.conformance.scene import Scene
from anyjob.conformance.wire import Proxy

QUICK = Plan(jobs=300, kills=0, freezes=0, server_kills=1, server_freezes=1, cuts=3)
FULL = Plan(
    jobs=3_000,
    producers=3,
    consumers=4,
    kills=2,
    freezes=1,
    server_kills=3,
    server_freezes=2,
    cuts=10,
    credit=30,
    lease=1.0,
    longest=120.0,
)
WANTED: tuple[str, ...] = (
    "the server was frozen",
    "every connection was cut",
    "a settlement brought children",
)


class OutageHistories(BackendProperties):
    """What many processes see of a server in trouble."""

    @shows("CON-1", also=("CRS-1", "CRS-6", "ENQ-3", "SET-1", "SET-7"), layer="history")
    @over_wire
    def test_history_of_a_server_in_trouble(self, scene: Scene, shared: Proxy) -> None:
        # The one that all share is not to be killed, and the backend's own clock tells the time.
        here = scene.own(None)
        proxy = here.proxy()
        assert proxy.port != shared.port
        plan, wanted = QUICK if effort().tier == "quick" else FULL, WANTED
        if here.lacks("durability"):
            plan = msgspec.structs.replace(plan, server_kills=0)
        else:
            wanted += ("the server was killed",)

        history, verdict = run_on(here, plan, effort().seed, proxy)

        assert_holds(scene.harness, history, verdict)
        missed = verdict.missed(*wanted)
        assert not missed, f"VACUOUS: never reached {', '.join(missed)}"
