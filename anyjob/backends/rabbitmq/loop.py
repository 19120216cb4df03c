"""The one thread in which everything of pika happens, and how other threads ask it."""

from __future__ import annotations

import logging
import os
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from pika.adapters.select_connection import IOLoop

from anyjob.core.errors import Misuse

T = TypeVar("T")

_log = logging.getLogger("anyjob.rabbitmq")
_THREAD = "anyjob-rabbitmq"
_DRIVERS = [
    f"pika.{module}"
    for module in (
        "adapters.base_connection",
        "adapters.select_connection",
        "adapters.utils.connection_workflow",
        "adapters.utils.io_services_utils",
        "adapters.utils.selector_ioloop_adapter",
        "callback",
        "channel",
        "connection",
        "heartbeat",
    )
]


def _is_foreign(record: logging.LogRecord) -> bool:
    """Whether a line of pika's is of somebody else's connections: what it says of ours, in several
    lines each time, our errors say once.
    """
    return record.threadName != _THREAD


class Loop:
    """Runs steps in a thread of its own, in the order they were given.

    `call` and `ask` from any thread; all else of this package that says "in the loop" runs there.
    """

    def __init__(self) -> None:
        self._ioloop = IOLoop()
        self._steps: deque[Callable[[], None]] = deque()
        #: Whether the loop was told that there are steps; set by whoever appends the first.
        self._is_called = False
        self._process = os.getpid()
        self._ended = False
        self._thread = threading.Thread(target=self._run, name=_THREAD, daemon=True)
        for name in _DRIVERS:
            logging.getLogger(name).addFilter(_is_foreign)
        self._thread.start()

    @property
    def ioloop(self) -> IOLoop:
        return self._ioloop

    def call(self, step: Callable[[], None]) -> None:
        """Have a step run in the loop; never blocks."""
        if self._ended:
            raise Misuse("this backend is closed; open it again with open()")
        self._steps.append(step)
        # A burst of steps wakes the loop once: it clears the flag before it looks at them.
        if not self._is_called:
            self._is_called = True
            self._ioloop.add_callback_threadsafe(self._run_steps)

    def ask(self, step: Callable[[Future[T]], None], seconds: float) -> T:
        """Have a step run in the loop and wait for what it puts into the future.

        Raises TimeoutError when that takes longer, and what the step raises or puts there.
        """
        future: Future[T] = Future()

        def run() -> None:
            try:
                step(future)
            except Exception as error:  # pika's, told in the thread that asked
                if not future.done():
                    future.set_exception(error)

        self.call(run)
        return future.result(max(0.0, seconds))

    def later(self, seconds: float, step: Callable[[], None]) -> Any:
        """Have a step run after so long; in the loop."""
        return self._ioloop.call_later(seconds, step)

    def cancel(self, timer: Any) -> None:
        """Let a step of `later` be; in the loop."""
        self._ioloop.remove_timeout(timer)

    def end(self, seconds: float) -> None:
        """Run what was asked for, and end the thread."""
        if self._ended:
            return
        self.call(self._ioloop.stop)
        self._ended = True
        self._thread.join(seconds)
        if not self._thread.is_alive():
            self._ioloop.close()

    def abandon(self) -> None:
        """After a fork: use nothing more. The thread is the parent's, and closing what it polls
        with would take the parent's sockets out of it.
        """
        self._ended = True

    def is_forked(self) -> bool:
        """Whether this is a child of the process whose thread it is."""
        return os.getpid() != self._process

    def is_own(self) -> bool:
        """Whether the caller runs in the loop."""
        return threading.current_thread() is self._thread

    def _run(self) -> None:
        try:
            self._ioloop.start()
        except Exception:  # a fault of pika's or ours: said, and every later call ends late
            _log.exception("the RabbitMQ thread ended by a fault; reopen the backend")

    def _run_steps(self) -> None:
        self._is_called = False
        steps = self._steps
        for _ in range(len(steps)):
            step = steps.popleft()
            try:
                step()
            except Exception:  # a step that asks nobody back must not end the thread
                _log.exception("a step of the RabbitMQ thread failed")


def settle(future: Future[Any], value: Any) -> None:
    """Put a value into a future, if nobody was faster."""
    if not future.done():
        future.set_result(value)


def fail(future: Future[Any], error: BaseException) -> None:
    """Put an error into a future, if nobody was faster."""
    if not future.done():
        future.set_exception(error)
