"""Who kills, freezes and cuts while the others work, and notices when the machine itself stands
still.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random
from typing import Literal

from anyjob.conformance.history.events import SERVER, Fault, FaultStart, FaultStop
from anyjob.conformance.history.plan import Plan
from anyjob.conformance.history.record import Recorder
from anyjob.conformance.history.staff import Staff
from anyjob.conformance.scene import Scene
from anyjob.conformance.wire import Proxy
from anyjob.core.errors import BackendError

_TICK = 0.02
#: The whole machine stood still if a short sleep took so long.
_STALL = 0.5
#: What is struck: a worker, a queue, or the server and with it everybody.
Target = Literal["worker", "queue", "server"]
Strike = tuple[Fault, Target]
#: Between two faults, in leases, and how long one lasts.
_BETWEEN = (0.3, 0.8)
_LONG = 1.5


def rage(
    staff: Staff, scene: Scene, plan: Plan, random: Random, path: Path, wire: Proxy | None
) -> None:
    """Do the plan's faults, then wait until nothing is left to do, and let everybody finish.

    Everybody goes through `wire`, if there is one.
    """
    recorder = Recorder(path)
    try:
        with _watched(recorder):
            nemesis = _Nemesis(staff, scene, plan, random, recorder, wire)
            if plan.delays_all:
                nemesis.kill_all_consumers()
            deadline = time.monotonic() + plan.longest
            while time.monotonic() < deadline and not _is_over(nemesis, staff, scene, plan):
                nemesis.turn()
                staff.replace_killed()
                time.sleep(_TICK)
            nemesis.relent()
            recorder.write(*(_start("kill", name) for name in staff.dismiss()))
    finally:
        recorder.close()


def _is_over(nemesis: _Nemesis, staff: Staff, scene: Scene, plan: Plan) -> bool:
    """Whether all faults are done, everything was sent, and nothing is left by the backend's count;
    should it count wrong, the drain finds out.
    """
    if staff.is_spent:
        return True
    if nemesis.has_more or staff.at_work("producer"):
        return False
    try:
        counts = [scene.backend.counts(queue) for queue in plan.queues]
    except BackendError:
        return False  # of before the last outage
    return not any(each.ready or each.scheduled or each.leased for each in counts)


class _Nemesis:
    def __init__(
        self,
        staff: Staff,
        scene: Scene,
        plan: Plan,
        random: Random,
        recorder: Recorder,
        wire: Proxy | None,
    ) -> None:
        self._staff = staff
        self._backend = scene.backend
        self._server = scene.server
        self._plan = plan
        self._random = random
        self._recorder = recorder
        self._wire = wire
        self._faults = _strikes(plan, can_pause=not scene.lacks("pause"))
        random.shuffle(self._faults)
        #: Who, or which queue, stands still until when.
        self._still: dict[tuple[Fault, str], float] = {}
        self._next = self._later()

    @property
    def has_more(self) -> bool:
        return bool(self._faults or self._still)

    def turn(self) -> None:
        """Do the next fault if its time has come; let go of who was frozen long enough."""
        now = time.monotonic()
        self._let_go([each for each, until in self._still.items() if until <= now])
        if not self._faults or now < self._next:
            return
        kind, target = self._faults[-1]
        victims = self._victims(target)
        if victims:
            # A backend whose holder of some lock is frozen may refuse; then a little later.
            with suppress(BackendError):
                self._strike(kind, self._random.choice(victims), now)
                self._faults.pop()
            self._next = self._later()

    def kill_all_consumers(self) -> None:
        """Once everything was sent; others take their places."""
        while self._staff.at_work("producer"):
            time.sleep(_TICK)
        for name in self._staff.at_work("consumer"):
            self._recorder.write(_start("kill", name))
            self._staff.crew.kill(name)

    def relent(self) -> None:
        """Let go of everybody."""
        while self._still:
            self._let_go(list(self._still))

    def _victims(self, target: Target) -> list[str]:
        still = {name for _, name in self._still}
        if target == "server":
            names = [SERVER]
        elif target == "queue":
            names = [*self._plan.queues]
        else:
            names = [*self._staff.at_work("consumer"), *self._staff.at_work("producer")]
        return [name for name in names if name not in still]

    def _strike(self, kind: Fault, victim: str, now: float) -> None:
        """Do a fault; raises BackendError where a queue cannot be paused now."""
        self._recorder.write(_start(kind, victim))
        if victim == SERVER:
            self._strike_server(kind)
        elif kind == "kill":
            self._staff.crew.kill(victim)
            return
        elif kind == "freeze":
            self._staff.crew.freeze(victim)
        else:
            self._backend.pause(victim)
        self._still[kind, victim] = now + _LONG * self._plan.lease

    def _strike_server(self, kind: Fault) -> None:
        assert self._server is not None
        assert self._wire is not None
        if kind == "kill":
            self._server.kill()
        elif kind == "freeze":
            self._server.freeze()
        else:
            self._wire.sever()

    def _release_server(self, kind: Fault) -> None:
        assert self._server is not None
        if kind == "kill":
            self._server.run()
        elif kind == "freeze":
            self._server.thaw()

    def _let_go(self, still: list[tuple[Fault, str]]) -> None:
        # Whom the backend waits for first.
        for kind, victim in sorted(still):
            if victim == SERVER:
                self._release_server(kind)
            elif kind == "freeze":
                self._staff.crew.thaw(victim)
            else:
                try:
                    self._backend.resume(victim)
                except BackendError:
                    continue
            self._recorder.write(FaultStop(process="nemesis", kind=kind, target=victim))
            del self._still[kind, victim]

    def _later(self) -> float:
        return time.monotonic() + self._plan.lease * self._random.uniform(*_BETWEEN)


def _strikes(plan: Plan, *, can_pause: bool) -> list[Strike]:
    numbers: dict[Strike, int] = {
        ("kill", "worker"): plan.kills,
        ("freeze", "worker"): plan.freezes,
        ("pause", "queue"): plan.pauses if can_pause else 0,
        ("kill", "server"): plan.server_kills,
        ("freeze", "server"): plan.server_freezes,
        ("cut", "server"): plan.cuts,
    }
    return [strike for strike, number in numbers.items() for _ in range(number)]


def _start(kind: Fault, victim: str) -> FaultStart:
    return FaultStart(process="nemesis", kind=kind, target=victim)


@contextmanager
def _watched(recorder: Recorder) -> Iterator[None]:
    """Note whenever the whole machine stands still."""
    over = threading.Event()

    def watch() -> None:
        last = time.monotonic()
        while not over.wait(_TICK):
            now = time.monotonic()
            if now - last > _STALL:
                recorder.write(
                    FaultStart(process="watch", mono=last, kind="stall"),
                    FaultStop(process="watch", mono=now, kind="stall"),
                )
            last = now

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
