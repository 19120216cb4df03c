"""The process that other parts are forked from: `python -m anyjob.conformance.history.nursery`.

It imports the harness and opens nothing, so that each fork begins as a new process would, without
the time that importing takes. Where importing the harness started a thread, which no fork survives,
each part is an interpreter of its own.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from pathlib import Path
from typing import Any, NoReturn

import msgspec

from anyjob.conformance.history.naming import HarnessName, load
from anyjob.conformance.history.part import Order, Signals
from anyjob.conformance.history.roles import play

_STATUS = {"done": 0, "failed": 1}


def main() -> NoReturn:
    """Serve questions until standard input ends, then end the whole process group."""
    if len(sys.argv) > 1:
        _play_alone(*sys.argv[1:])
    try:
        _Nursery().serve()
    except BaseException:  # whatever importing a harness raises, the log is to show it
        traceback.print_exc()
        sys.stderr.flush()
    # Every part with it, frozen ones too.
    os.killpg(0, signal.SIGKILL)
    raise SystemExit


class _Nursery:
    def __init__(self) -> None:
        self._harness = b""
        #: By name: process, and where it is told things.
        self._parts: dict[str, tuple[int, int]] = {}
        self._ended: dict[str, str] = {}
        self._has_threads = False

    def serve(self) -> None:
        self._harness = sys.stdin.buffer.readline()
        load(msgspec.json.decode(self._harness, type=HarnessName))
        self._answer(None)
        for line in sys.stdin.buffer:
            self._answer(self._do(msgspec.json.decode(line)))

    def _answer(self, answer: Any) -> None:
        sys.stdout.buffer.write(msgspec.json.encode(answer) + b"\n")
        sys.stdout.buffer.flush()

    def _do(self, question: dict[str, Any]) -> Any:
        match question["do"]:
            case "start":
                self._start(question["name"], msgspec.json.encode(question["order"]))
            case "tell":
                self._tell(question["name"], question["word"])
            case "signal":
                self._signal(question["name"], question["signal"])
            case "end":
                self._end(question["prefix"])
            case "ended":
                self._reap()
                return self._ended
            case "pid":
                return self._parts[question["name"]][0]
        return None

    def _start(self, name: str, order: bytes) -> None:
        ear, mouth = os.pipe()
        # Of a fork's own threads only the forking one is left.
        self._has_threads = _threads() > 1
        child = os.fork()
        if not child:
            self._become(order, ear, [mouth, *(other for _, other in self._parts.values())])
        os.close(ear)
        self._parts[name] = child, mouth

    def _become(self, order: bytes, ear: int, not_ours: list[int]) -> NoReturn:
        code = 1
        try:
            for descriptor in not_ours:
                os.close(descriptor)
            nothing = os.open(os.devnull, os.O_RDWR)
            os.dup2(nothing, 0)
            # What a backend prints is no answer to anybody.
            os.dup2(2, 1)
            if self._has_threads:
                os.set_inheritable(ear, True)
                told = [self._harness.decode(), order.decode(), str(ear)]
                program = [sys.executable, "-m", "anyjob.conformance.history.nursery", *told]
                os.execv(sys.executable, program)  # noqa: S606 - the interpreter itself
            code = _play(self._harness, order, ear)
        finally:
            # Past every exit hook of the nursery's.
            os._exit(code)

    def _tell(self, name: str, word: str) -> None:
        if name in self._parts:
            try:
                os.write(self._parts[name][1], word.encode() + b"\n")
            except BrokenPipeError:
                return  # it has ended, and will be seen to

    def _signal(self, name: str, number: int) -> None:
        # Nobody else reaps it, so the number is still its own.
        self._reap()
        if name in self._parts:
            os.kill(self._parts[name][0], number)

    def _end(self, prefix: str) -> None:
        """Kill what is left of a run, and forget it."""
        for name, (pid, mouth) in list(self._parts.items()):
            if name.startswith(prefix):
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                os.close(mouth)
                del self._parts[name]
        self._ended = {
            name: how for name, how in self._ended.items() if not name.startswith(prefix)
        }

    def _reap(self) -> None:
        for name, (pid, mouth) in list(self._parts.items()):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                os.close(mouth)
                del self._parts[name]
                code = os.waitstatus_to_exitcode(status)
                self._ended[name] = "killed" if code < 0 else "done" if code == 0 else "failed"


class _Hand(Signals):
    """A part that is a process: it is killed and frozen from outside."""

    def __init__(self, ear: int) -> None:
        super().__init__()
        self._ear = ear
        threading.Thread(target=self._hear, name="ear", daemon=True).start()

    def point(self) -> None:
        """Nothing: signals need no such place."""

    def die(self) -> NoReturn:
        os.kill(os.getpid(), signal.SIGKILL)
        raise SystemExit

    def _hear(self) -> None:
        with os.fdopen(self._ear) as words:
            for word in words:
                self.tell(word.strip())
        # Whoever told us things is gone.
        os._exit(1)


def _play(harness: bytes, order: bytes, ear: int) -> int:
    named = msgspec.json.decode(harness, type=HarnessName)
    told = msgspec.json.decode(order, type=Order)
    return _STATUS.get(play(told, load(named), _Hand(ear)), 1)


def _play_alone(harness: str, order: str, ear: str) -> NoReturn:
    """A part that could not be forked."""
    os._exit(_play(harness.encode(), order.encode(), int(ear)))


def _threads() -> int:
    """How many threads this process has, those of a driver included."""
    tasks = Path("/proc/self/task")
    return max(threading.active_count(), len(list(tasks.iterdir())) if tasks.is_dir() else 0)


if __name__ == "__main__":
    main()
