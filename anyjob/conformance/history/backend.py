"""The histories that run on a backend."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from anyjob.conformance.effort import effort
from anyjob.conformance.example import explores
from anyjob.conformance.harness import Harness
from anyjob.conformance.history.check import Verdict
from anyjob.conformance.history.keep import keep
from anyjob.conformance.history.plan import Plan
from anyjob.conformance.history.probe import service_loses
from anyjob.conformance.history.record import History
from anyjob.conformance.history.run import run_history
from anyjob.conformance.scene import Scene

QUICK = Plan(jobs=150)
FULL = Plan(
    jobs=10_000,
    producers=3,
    consumers=4,
    kills=6,
    freezes=4,
    pauses=2,
    whole_batch=True,
    credit=30,
    lease=1.0,
    delays=(0.1, 0.5, 3.0),
    longest=300.0,
)
#: All jobs are delayed, long enough for everybody to be killed meanwhile.
DELAYED = Plan(jobs=40, consumers=2, kills=0, freezes=0, delays=(0.6, 0.7, 0.8), delays_all=True)
#: So many runs may be needed until each situation was reached once.
RUNS = 3

#: What has to be reached, and by which levels of the capabilities it can be.
WANTED: dict[str, Callable[[dict[str, Any]], bool]] = {
    "a lease lapsed while its holder lived": lambda levels: levels["lease"] == "timed",
    "a stale settlement was sent": lambda levels: True,
    "a killed holder's job was delivered again": lambda levels: True,
    "a process was killed": lambda levels: True,
    "a process was frozen": lambda levels: True,
    "two consumers shared the jobs": lambda levels: True,
    "a job was retried": lambda levels: True,
    "a job was released": lambda levels: True,
    "a job was abandoned": lambda levels: True,
    "a lease was extended": lambda levels: True,
    "a settlement brought children": lambda levels: True,
    "a delayed job was delivered": lambda levels: levels["delay"] != "none",
    "a unique key was refused": lambda levels: levels["unique"] != "none",
    "a job was sent twice": lambda levels: levels["dedup"] != "none",
    "a job was buried as poison": lambda levels: levels["dead"] != "none",
}
#: In runs of thousands of jobs.
WANTED_IN_FULL: dict[str, Callable[[dict[str, Any]], bool]] = {
    "a batch of max_batch was enqueued": lambda levels: True,
    "two maintained at once": lambda levels: True,
    "a queue had to get its share": lambda levels: True,
    "25 leases had lapsed at once": lambda levels: levels["lease"] == "timed",
    "a queue was paused with scheduled jobs": lambda levels: (
        levels["pause"] != "none" and levels["delay"] != "none"
    ),
}


class BackendHistories:
    """What many processes do to a backend at once; `conformance_suite` sets the harness."""

    harness: Harness

    @explores(
        "CON-1", "ENQ-2", "FET-1", "FET-2", "FET-3", "FET-5", "LSE-1", "LSE-7", "SET-1", "SET-7",
        "DLQ-1", "DLQ-2", "DLQ-4", "ORD-1", "ORD-6", "TIM-1", "UNQ-1", "MNT-1", "CRS-1",
        layer="history",
    )  # fmt: skip
    def test_history_of_many_processes(self) -> None:
        _need_recovery(self.harness)
        run_mixed_histories(self.harness)

    @explores("TIM-6", layer="history")
    def test_history_of_delayed_jobs_whose_workers_all_die(self) -> None:
        _need_recovery(self.harness)
        run_delayed_history(self.harness)


def _need_recovery(harness: Harness) -> None:
    """Workers are killed here: where nothing comes back from them, there is nothing to judge."""
    with Scene(harness, None) as scene:
        scene.need_recovery()


def run_mixed_histories(harness: Harness, plan: Plan | None = None) -> None:
    """Run until every situation was reached; fails with the first history that breaks a rule."""
    if plan is None:
        plan = QUICK if effort().tier == "quick" else FULL
    missed: set[str] | None = None
    for run in range(RUNS):
        history, verdict = run_history(harness, plan, effort().seed + run)
        assert_holds(harness, history, verdict)
        wanted = _wanted(history)
        missed = (wanted if missed is None else missed) & {*verdict.missed(*wanted)}
        if not missed:
            break
    assert not missed, f"VACUOUS: never reached {', '.join(sorted(missed or ()))}"


def run_delayed_history(harness: Harness) -> None:
    """Delayed jobs outlive all who fetched while they waited, and come when they are due."""
    history, verdict = run_history(harness, DELAYED, effort().seed)
    assert_holds(harness, history, verdict)
    if history.header.capabilities["delay"] != "none":
        missed = verdict.missed("a delayed job was delivered", "a process was killed")
        assert not missed, f"VACUOUS: never reached {', '.join(missed)}"


def assert_holds(harness: Harness, history: History, verdict: Verdict) -> None:
    """Fail with what is broken and where it is kept; UNKNOWN if the bare service loses jobs too."""
    if verdict.holds:
        return
    kept = f"{verdict}\nThe history is kept in {keep(history, verdict)}"
    blame = service_loses(harness)
    assert not blame, f"UNKNOWN: {blame}\n{kept}"
    raise AssertionError(kept)


def _wanted(history: History) -> set[str]:
    levels = dict(history.header.capabilities)
    wanted = WANTED if effort().tier == "quick" else {**WANTED, **WANTED_IN_FULL}
    return {mark for mark, is_possible in wanted.items() if is_possible(levels)}
