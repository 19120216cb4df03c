"""A run of the tests in several processes side by side, each with its share of them.

Much of a run is waiting: for a lease to end, for a process to begin. Beside it another core, or the
same one, has the next test.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, Future, wait

import msgspec

from anyjob.conformance.catalogue import every_test
from anyjob.conformance.engine.outcome import Outcome
from anyjob.conformance.engine.profiles import PARTS
from anyjob.conformance.engine.spec import Spec
from anyjob.conformance.engine.supervisor import Stopped, Supervisor

#: More would wait for each other: some tests start a dozen processes of their own.
_MOST = 4
#: How often the shares are looked at, in seconds.
_PACE = 0.05


def processes_here() -> int:
    """How many processes a run takes unless it is told: one more than there are cores, as much of a
    run is waiting; four at most.
    """
    # macOS does not tell which of them this process may use.
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else (os.cpu_count() or 1)
    return min(cores + 1, _MOST)


class Shares:
    """One run by command line, as `processes` supervisors; used by one thread.

    `progress` is told how many tests have ended, and how many there are.
    """

    def __init__(
        self, spec: Spec, progress: Callable[[int, int], object], *, processes: int
    ) -> None:
        self._progress = progress
        self._supervisors = [
            Supervisor(msgspec.structs.replace(spec, turn=turn, turns=processes))
            for turn in range(processes)
        ]

    def run(self) -> None:
        """Run until every test has ended.

        Raises HarnessNotLoaded if not even the collecting of the tests ends well. After
        KeyboardInterrupt every child is gone, and `outcomes` has what there is.
        """
        ends = [_begun(supervisor) for supervisor in self._supervisors]
        try:
            while wait(ends, _PACE, FIRST_EXCEPTION).not_done and not any(map(_failed, ends)):
                self._tell()
        finally:
            for supervisor in self._supervisors:
                supervisor.stop()
            wait(ends)
            self._tell()
        for end in ends:
            if not isinstance(end.exception(), Stopped):
                end.result()

    @property
    def outcomes(self) -> list[Outcome]:
        """What has been found so far, in the order of the catalogue, however many ran it."""
        order: dict[tuple[str, str], int] = {
            (part, name): at for part in PARTS for at, (_, name, _) in enumerate(every_test(part))
        }
        found = [each for supervisor in self._supervisors for each in supervisor.outcomes]
        return sorted(found, key=lambda each: (order.get(_key(each), len(order)), each.test))

    def _tell(self) -> None:
        reached = [supervisor.reached for supervisor in self._supervisors]
        self._progress(sum(done for done, _ in reached), sum(every for _, every in reached))


def _key(outcome: Outcome) -> tuple[str, str]:
    part, _, name = outcome.test.partition("/")
    return part, name.partition("[")[0]


def _begun(supervisor: Supervisor) -> Future[None]:
    """Run it in a thread of its own; what it raises is the future's."""
    end: Future[None] = Future()

    def run() -> None:
        try:
            supervisor.run()
        # SystemExit too: a share that ended without a word would be waited for without an end.
        except BaseException as error:
            end.set_exception(error)
        else:
            end.set_result(None)

    threading.Thread(target=run, name="anyjob-conformance-share").start()
    return end


def _failed(end: Future[None]) -> bool:
    return end.done() and end.exception() is not None
