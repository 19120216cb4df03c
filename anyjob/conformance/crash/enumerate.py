"""Every point at which a client can die, one after the other: after each, the site shows what was
there before the call or what the whole call makes of it, and nothing third.

What the two are is not written down; two runs without a death inside the call show them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Any
from weakref import WeakKeyDictionary

import msgspec

from anyjob.conformance.clock import FakeClock
from anyjob.conformance.crash.points import Point
from anyjob.conformance.crash.scenarios import KEY, Scenario
from anyjob.conformance.crash.sight import HOLDS_KEY, JobLooker, Looker, Sight
from anyjob.conformance.crash.store_sight import EntryLooker
from anyjob.conformance.crash.ways import Ran, Way, way_of
from anyjob.conformance.effort import effort
from anyjob.conformance.harness import Harness
from anyjob.conformance.scene import Scene
from anyjob.conformance.stage import Stage
from anyjob.conformance.store_scene import StoreScene

#: Deaths of a scenario in the quick tier where nobody moves the clock, from the first to the last.
_MOST_IN_REAL_TIME = 6


class Crash(msgspec.Struct):
    """One run that ended at a point, and what is seen of it."""

    #: None: the client ended after all its calls.
    point: Point | None
    stage: Any
    #: Seconds that have to pass before the next thing is done with it.
    wait: float
    ran: Ran = msgspec.field(default_factory=Ran)
    sight: Sight = {}


class Rules(msgspec.Struct, frozen=True):
    """What the backend or store declares of its crashes, and how it is looked at."""

    stage: type[Stage]
    looker: Callable[[Any, Scenario], Looker]
    #: Seconds after which every lease has lapsed that was not extended, and all the others.
    lapse: float
    later: float
    #: Whether children and their parents come and go together.
    atomic_children: bool = True
    #: A dead letter may be in both places for a while.
    may_double: bool = False
    #: Whether keys are kept apart from the jobs: a client that died while it stored one may have
    #: stored it, and nobody can tell, so that its key is free.
    may_lose_key: bool = False


#: What each enumeration came to, by the harness and the name of the scenario.
_done: WeakKeyDictionary[Harness, dict[str, int | AssertionError]] = WeakKeyDictionary()


def crash_points(stage: Stage, scenarios: Sequence[Scenario]) -> int:
    """Let a client die at every point of every scenario that a stage like this one can do.

    Returns how many points there were; fails at the first after which something is lost, doubled
    or half done. A scenario is enumerated once for a harness; who asks again is told the same.
    """
    known = _done.setdefault(stage.harness, {})
    named = {
        f"{type(stage).__name__} {stage.clock is None} {scenario.name}": scenario
        for scenario in scenarios
        if not any(map(stage.lacks, scenario.needs))
    }
    known.update(_enumerated(stage, {name: named[name] for name in named if name not in known}))
    for name in named:
        came = known[name]
        if isinstance(came, AssertionError):
            raise came.with_traceback(None)
    return sum(came for came in map(known.__getitem__, named) if isinstance(came, int))


def _enumerated(stage: Stage, scenarios: Mapping[str, Scenario]) -> dict[str, int | AssertionError]:
    """What each scenario comes to: one after the other, or where nobody moves the clock, all of
    them together, so that each wait is waited once.
    """
    lots = [[name] for name in scenarios] if stage.clock is not None else [list(scenarios)]
    came: dict[str, int | AssertionError] = {}
    for names in filter(None, lots):
        with ExitStack() as stack:
            running = {name: _Enumeration(stage, scenarios[name], stack) for name in names}
            for step in (_Enumeration.begin, _Enumeration.go_on):
                _take_step(running, step)
            came |= {name: each.came for name, each in running.items()}
    return came


def _take_step(
    running: Mapping[str, _Enumeration], step: Callable[[_Enumeration], Iterator[list[Crash]]]
) -> None:
    """Take all enumerations through a step at once: between its parts, time passes for all."""
    steps = {name: step(each) for name, each in running.items() if each.failure is None}
    while steps:
        waiting: dict[str, list[Crash]] = {}
        for name, each in steps.items():
            try:
                waiting[name] = next(each)
            except StopIteration:
                continue
            except AssertionError as error:
                running[name].failure = error
        steps = {name: steps[name] for name in waiting}
        crashes = [crash for lot in waiting.values() for crash in lot]
        _pass_for_all(crashes)


class _Enumeration:
    """One scenario, in steps that pause where time has to pass."""

    def __init__(self, stage: Stage, scenario: Scenario, stack: ExitStack) -> None:
        self._like = stage
        self._scenario = scenario
        self._stack = stack
        self._rules = rules_of(stage)
        self._way: Way = way_of(stage)
        self._points: list[Point] = []
        self.failure: AssertionError | None = None

    @property
    def came(self) -> int | AssertionError:
        """How many points there were, or what went wrong at the first of them that did."""
        return len(self._points) if self.failure is None else self.failure

    def begin(self) -> Iterator[list[Crash]]:
        """See what is there before the call, and what the whole of it makes of that."""
        self._bounds = [self._prepared(Point(0)), self._prepared(None)]
        yield from self._live(self._bounds)
        self._check(*self._bounds)

    def go_on(self) -> Iterator[list[Crash]]:
        """Die at each point."""
        before, after = self._bounds
        self._points = list(self._all_points(after.ran))
        deaths = self._distinct(self._points, before, after)
        together = 1 if self._like.clock is not None else max(1, len(deaths))
        for start in range(0, len(deaths), together):
            crashes = [self._prepared(point) for point in deaths[start : start + together]]
            yield from self._live(crashes)
            for crash in crashes:
                self._judge(crash, before.sight, after.sight)

    def _all_points(self, ran: Ran) -> Iterator[Point]:
        """Each request twice, and on a wire also in its middle."""
        for k in range(1, len(ran.requests) + 1):
            yield Point(k, "before")
            if ran.sizes:
                size = ran.sizes[k - 1]
                lets = (size // 2,) if effort().tier == "quick" else (1, size // 2, size - 1)
                yield from (Point(k, "before", let) for let in lets)
            yield Point(k, "after")

    def _distinct(self, points: list[Point], before: Crash, after: Crash) -> list[Point]:
        """In the quick tier, one of those that leave the same files.

        All of them where files do not tell what is stored: something was, and they are unchanged.
        """
        held = [number for pair in after.ran.files for number in pair]
        tell = len(set(held)) > 1 or before.sight == after.sight
        if not points or effort().tier != "quick":
            return points
        if self._like.clock is None and len(points) > _MOST_IN_REAL_TIME:
            # Each takes its own real time, and a client that shakes hands at length has many.
            step = (len(points) - 1) / (_MOST_IN_REAL_TIME - 1)
            return [points[round(at * step)] for at in range(_MOST_IN_REAL_TIME)]
        if len(held) != len(points) or not tell:
            return points
        first = {number: at for at, number in reversed(list(enumerate(held)))}
        # The last one is not before anything: the call was over, and perhaps not yet told.
        chosen = {*first.values(), len(points) - 1}
        return [points[at] for at in sorted(chosen)]

    def _prepared(self, death: Point | None) -> Crash:
        clock = None if self._like.clock is None else FakeClock()
        stage: Any = self._stack.enter_context(
            self._rules.stage(self._like.harness, clock, server=self._like.server)
        )
        self._scenario.prepare(stage)
        stage.used.close()
        return Crash(death, stage, self._scenario.age(stage))

    def _live(self, crashes: list[Crash]) -> Iterator[list[Crash]]:
        """Let time pass, run and die, and look twice."""
        if any(crash.wait for crash in crashes):
            yield crashes
        for crash in crashes:
            crash.ran = self._way.run(crash.stage, self._scenario.act, crash.point)
            crash.wait = self._rules.lapse
        lookers = [self._rules.looker(crash.stage, self._scenario) for crash in crashes]
        yield crashes
        for crash, looker in zip(crashes, lookers, strict=True):
            crash.stage.use(crash.stage.client())
            self._explained(crash, looker.look)
            crash.wait = self._rules.later
        yield crashes
        for crash, looker in zip(crashes, lookers, strict=True):
            crash.sight = self._explained(crash, looker.look_again)
            crash.stage.used.close()

    def _explained(self, crash: Crash, look: Callable[[], Any]) -> Any:
        try:
            return look()
        except AssertionError as error:
            raise AssertionError(self._said(crash, str(error))) from error

    # Judging

    def _check(self, before: Crash, after: Crash) -> None:
        # What time alone brings about needs no call: a state may be a name, read by the clock.
        needless = before.sight == after.sight
        assert after.ran.requests or needless, (
            f"VACUOUS: {self._scenario.name} reaches nothing outside"
        )
        assert before.ran.told != "done"
        assert after.ran.told == "done" or self._scenario.silent, self._said(
            after, "it was not done, without any crash"
        )

    def _judge(self, crash: Crash, before: Sight, after: Sight) -> None:
        told = crash.ran.told
        if self._rules.may_lose_key and told == "unknown":
            crash.sight = _with_lost_keys(crash.sight, before, after)
        sight = crash.sight
        if told == "done":
            self._must_be(crash, "it was told done", after)
        elif told == "refused" and not self._scenario.lenient:
            self._must_be(crash, "it was refused without effect", before)
        elif self._is_whole and sight not in (before, after):
            self._must_be(crash, "it is half done", before, after)
        for about in sorted({*before, *after, *sight}):
            seen, first, last = (each.get(about, ()) for each in (sight, before, after))
            wide = self._rules.may_double and set(seen) == {*first, *last}
            assert seen in (first, last) or wide, self._said(
                crash, f"{about} is neither as before the call nor as after it:", seen, first, last
            )
        self._judge_children(crash, before, after)

    def _judge_children(self, crash: Crash, before: Sight, after: Sight) -> None:
        """Both or neither; where that is not declared, no parent goes before its children."""
        if not self._scenario.children:
            return
        parent = min(about for about in before if about.startswith("job "))
        children = sorted({*after} - {*before})
        assert len(children) == self._scenario.children, "VACUOUS: no child was made"
        settled = crash.sight.get(parent, ()) == after.get(parent, ())
        there = [crash.sight.get(child, ()) == after[child] for child in children]
        if before.get(parent, ()) == after.get(parent, ()):
            # Where returns count as lost leases may, a job that was abandoned looks like one that
            # was not, so it may be either.
            settled = all(there)
        whole = (
            set(there) == {settled} if self._rules.atomic_children else all(there) or not settled
        )
        assert whole, self._said(
            crash,
            f"its {'settled' if settled else 'unsettled'} job has {sum(there)} of"
            f" {len(there)} children",
        )

    @property
    def _is_whole(self) -> bool:
        whole = self._scenario.whole
        if self._rules.may_double and "dead" in self._scenario.needs:
            # What was done of it is looked at job by job.
            return False
        return whole is not None and (not whole or not self._like.lacks(whole))

    def _must_be(self, crash: Crash, what: str, *legal: Sight) -> None:
        if crash.sight in legal:
            return
        for about in sorted({about for sight in (crash.sight, *legal) for about in sight}):
            seen, *others = (each.get(about, ()) for each in (crash.sight, *legal))
            assert seen in others, self._said(crash, f"{what}, and {about} is", seen, *others)
        raise AssertionError(self._said(crash, what, (crash.sight,), *((each,) for each in legal)))

    def _said(self, crash: Crash, what: str, *seen: tuple[Any, ...]) -> str:
        where = "without a crash" if crash.point is None else f"{crash.point}"
        requests = crash.ran.requests
        if crash.point and crash.point.k and requests:
            where += f" ({requests[min(crash.point.k, len(requests)) - 1]})"
        places = " | ".join(repr(list(each)) if each else "nowhere" for each in seen)
        return f"{self._scenario.name}, {self._way.name}, {where}: {what} {places:.1200}"


def rules_of(stage: Stage) -> Rules:
    """The rules for what stands on a stage."""
    if isinstance(stage, StoreScene):
        return Rules(
            stage=StoreScene,
            looker=lambda like, _: EntryLooker(like),
            lapse=stage.ttl + stage.instant,
            later=stage.ttl if stage.clock is not None else 0.0,
        )
    assert isinstance(stage, Scene)
    declared = stage.capabilities
    lag = declared.redelivery_lag + declared.schedule_lag + declared.resolution
    return Rules(
        stage=Scene,
        looker=lambda like, scenario: JobLooker(like, key=KEY if scenario.keyed else None),
        # On a clock that nobody moves, many sites wait at once, each a little longer than the next;
        # there the first look comes when even what was extended has lapsed.
        lapse=stage.lease + lag if stage.clock is not None else 3 * stage.lease + lag,
        later=2 * stage.lease + lag if stage.clock is not None else 0.0,
        atomic_children=declared.atomic_children,
        may_double=declared.dead == "emulated",
        may_lose_key=declared.unique == "emulated",
    )


def _with_lost_keys(sight: Sight, before: Sight, after: Sight) -> Sight:
    """What is seen, and the keys of jobs that are new and have lost theirs."""
    lost = {
        about: after[about]
        for about, seen in sight.items()
        if about not in before
        and HOLDS_KEY in after.get(about, ())
        and sorted((*seen, HOLDS_KEY)) == sorted(after[about])
    }
    return sight | lost


def _pass_for_all(crashes: Sequence[Crash]) -> None:
    """Let the time pass that each of them waits for."""
    if any(crash.stage.clock is None for crash in crashes):
        time.sleep(max(crash.wait for crash in crashes))
        return
    for crash in crashes:
        crash.stage.elapse(crash.wait)
