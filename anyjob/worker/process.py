"""A worker as a process of its own: logging, signals, exit code."""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import TextIO

from anyjob.worker.log import JsonFormatter, TextFormatter
from anyjob.worker.worker import Worker

#: What the interpreter has to end in once something was cut.
_LAST_WAIT = 1.0


def set_up_logging(level: str, log_format: str, redact: Callable[[str], str]) -> None:
    """Write the log to stderr, as text or as one JSON object a line, with secrets masked by
    `redact`. `level` is a name of `logging`'s.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(redact) if log_format == "json" else TextFormatter(redact))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)


def serve(worker: Worker) -> int:
    """Run a worker in the main thread until it ends, and return the process's exit code.

    The first TERM or INT drains, the second cuts, the third ends the process at once. 0: all
    finished; 1: some were cut, or the worker failed; 130 and 143: ended by a second INT or TERM.
    """
    signals = _Signals(worker)
    before = {number: signal.signal(number, signals.receive) for number in _CODES}
    # What was imported by now stays for good; to look through it again and again for garbage is
    # half of what the collector costs: see the profile in docs/explanation/performance.md.
    gc.collect()
    gc.freeze()
    try:
        code = worker.run()
    finally:
        gc.unfreeze()
        for number, handler in before.items():
            signal.signal(number, handler)
    return signals.code or code


def leave(worker: Worker, code: int) -> None:
    """End this process, also if user code that was given up still runs in one of its threads."""
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        _flush(stream)
    if worker.has_strays:
        os._exit(code)
    if code:
        # A thread that a coroutine started lives on when that is cut, and would hold the exit.
        last = threading.Timer(_LAST_WAIT, os._exit, [code])
        last.daemon = True
        last.start()
    sys.exit(code)


def _flush(stream: TextIO) -> None:
    try:
        stream.flush()
    except OSError:
        # Nobody reads the log any more, and the interpreter's own last flush must not fail either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


#: What a second signal makes the exit code: 128 and its number, as shells do.
_CODES = {signal.SIGTERM: 143, signal.SIGINT: 130}


class _Signals:
    """Counts signals; the handler only puts a word into the worker's inbox."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._count = 0
        self.code = 0

    def receive(self, number: int, _: FrameType | None) -> None:
        self._count += 1
        if self._count == 1:
            self._worker.drain()
        elif self._count == 2:
            self.code = _CODES[signal.Signals(number)]
            self._worker.cut()
        else:
            os._exit(_CODES[signal.Signals(number)])
