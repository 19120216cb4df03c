"""A day in the shop, step by step."""

from __future__ import annotations

import logging
import time
from textwrap import indent

from examples.shop.corrections import corrected
from examples.shop.history import History
from examples.shop.intake import check_queues, hand_in
from examples.shop.interruption import Interruption
from examples.shop.journal import Journal, Killed, Restarted, Revived
from examples.shop.letters import CommandLine, Desk, Letter, Program
from examples.shop.progress import Display
from examples.shop.server import Server
from examples.shop.tasks import jobs
from examples.shop.watch import Watch
from examples.shop.work import Work
from examples.shop.workers import Workers

WORKERS = 3
#: The part of all jobs after which a worker is killed: enough is done, and enough is left.
KILL_AFTER = 0.25


class Day:
    """The steps, and what they share."""

    def __init__(
        self, work: Work, shown: Display, interruption: Interruption, server: Server | None
    ) -> None:
        self._work = work
        self._server = server
        self._shown = shown
        self._journal = Journal(work.out)
        self._watch = Watch(self._journal, shown, interruption)

    def on_worker_processes(self) -> None:
        """With real workers, one of which is killed, and the command line for dead letters."""
        check_queues()
        with jobs, Workers(WORKERS, self._work.out / "logs") as workers:
            self._watch.beside(workers.check)
            self._shown.say(f"{WORKERS} workers started: {', '.join(map(str, workers.pids))}")
            count = self._hand_in()
            self._kill_one(workers, count)
            self._restart_server(count)
            self._mind_letters(CommandLine())
            self._finish(count)
            workers.close()

    def in_this_program(self) -> None:
        """With a worker in threads of this process, which nobody can kill alone."""
        # What worker processes write to their logs would get in the way of the progress here.
        logging.basicConfig(filename=self._work.out / "worker.log", level=logging.INFO)
        with jobs, jobs.worker(concurrency=8):
            count = self._hand_in()
            self._mind_letters(Program())
            self._finish(count)

    def _hand_in(self) -> int:
        count = hand_in(list(self._work.photos), self._work.orders, self._journal)
        self._shown.say(f"{count} jobs handed in")
        return count

    def _kill_one(self, workers: Workers, count: int) -> None:
        """Kill a worker that is seen to run jobs."""
        self._watch.until(
            "the first jobs to be done", lambda history: done(history) >= KILL_AFTER * count
        )
        victim = workers.pids[0]
        self._watch.until("a worker with jobs begun", lambda _: self._is_caught(workers, victim))
        workers.kill(victim)
        self._journal.write(Killed(at=time.time(), pid=victim))
        held = len(self._watch.history.held_by(victim))
        self._shown.say(f"worker {victim} killed with SIGKILL, {held} jobs begun and not ended")

    def _restart_server(self, count: int) -> None:
        """Kill the server, if it is the demo's own and keeps its jobs, under its workers."""
        if self._server is None or not self._server.survives:
            return
        self._watch.until("half of the jobs", lambda history: done(history) >= count / 2)
        self._server.crash_and_restart()
        self._journal.write(Restarted(at=time.time()))
        program = self._server.program
        self._shown.say(f"{program} killed with SIGKILL and started again on its files")

    def _is_caught(self, workers: Workers, pid: int) -> bool:
        """Freeze a worker, and let it go unless the journal shows that it runs jobs."""
        workers.freeze(pid)
        self._watch.look()
        if self._watch.history.held_by(pid):
            return True
        workers.thaw(pid)
        return False

    def _mind_letters(self, desk: Desk) -> None:
        """Show each dead letter, put its address right, and send it again."""
        expected = len(self._work.misspelt)
        self._watch.until("a receipt to be refused", lambda history: refused(history) >= expected)
        self._watch.until("the dead letters", lambda _: len(desk.letters()) >= expected)
        for letter in desk.letters():
            self._show(letter)
            to = corrected(letter.arguments["to"])
            self._journal.write(Revived(at=time.time(), job=letter.id))
            desk.revive(letter, to=to)
            self._shown.say(f"dead letter {letter.id} revived, now to {to}")

    def _show(self, letter: Letter) -> None:
        self._shown.say(f"dead letter {letter.id}: {letter.task} to {letter.arguments['to']}")
        self._shown.say(f"its traceback:\n{indent(letter.traceback.rstrip(), '    ')}")

    def _finish(self, count: int) -> None:
        self._watch.until("all jobs to be done", lambda history: done(history) == count)
        self._shown.say("all jobs are done")


def done(history: History) -> int:
    return sum(story.is_done for story in history.stories.values())


def refused(history: History) -> int:
    return sum(
        run.failed and "SMTPRecipientsRefused" in str(run.error)
        for story in history.stories.values()
        for run in story.runs
    )
