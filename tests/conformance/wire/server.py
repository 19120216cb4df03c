"""The line-protocol server: `python -m tests.conformance.wire.server --port N --dir FOLDER`.

A thread for each connection. A namespace is a database file, open while a connection uses it, so
that what was acknowledged survives a kill of the server.
"""

from __future__ import annotations

import argparse
import contextlib
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import msgspec

from anyjob.backends.sqlite import SQLiteBackend, SQLiteStore
from anyjob.core.backend import Backend, Consumer
from anyjob.core.clock import SystemClock
from anyjob.core.errors import AnyjobError, BackendError, Misuse
from anyjob.core.settlement import Answer, Lease, Settlement
from anyjob.core.store import Store
from tests.conformance.wire import protocol
from tests.conformance.wire.protocol import Hand, Job, Receipted, Sent, Took

#: A fetch that waits looks so often whether anybody is still there to take what it finds.
SLICE = 0.25
#: The last argument of these has to be named.
_NAMED = {"cancel": "keep", "revive": "edit"}


class ToldClock:
    """The machine's clock, or what a client's clock said last."""

    told: tuple[float, float] | None = None

    def time(self) -> float:
        return self.told[0] if self.told else SystemClock.time()

    def monotonic(self) -> float:
        return self.told[1] if self.told else SystemClock.monotonic()


class Space:
    """One namespace in use: its backend, its store and the consumers of its clients."""

    def __init__(self, folder: Path, name: str, told: tuple[float, float] | None) -> None:
        self.users = 0
        self.clock = ToldClock()
        self.clock.told = told
        # A kill of this program loses nothing that was committed; a power cut may.
        url = f"sqlite:///{folder / name}.db?synchronous=normal"
        self.backend: Backend = SQLiteBackend(url, clock=self.clock)
        self.store: Store = SQLiteStore(url, clock=self.clock)
        self.backend.open()
        self.store.open()
        self.epoch = epoch_of(folder)
        self._consumers: dict[str, Consumer] = {}
        self._guard = threading.Lock()

    def consumer(self, hand: Hand) -> Consumer:
        with self._guard:
            if hand.id not in self._consumers:
                self._consumers[hand.id] = self.backend.consume(
                    hand.shares, lease=hand.lease, worker=hand.worker
                )
            return self._consumers[hand.id]

    def close(self) -> None:
        self.backend.close()
        self.store.close()


class Spaces:
    """The namespaces in use, by name; any thread."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._open: dict[str, Space] = {}
        self._guard = threading.Lock()

    @contextlib.contextmanager
    def using(self, name: str, told: tuple[float, float] | None) -> Iterator[Space]:
        with self._guard:
            space = self._open.get(name)
            if space is None:
                space = self._open[name] = Space(self.folder, name, told)
            space.users += 1
        try:
            yield space
        finally:
            with self._guard:
                space.users -= 1
                if not space.users:
                    del self._open[name]
                    space.close()


class Connection:
    """One client's connection, served by one thread."""

    def __init__(self, wire: socket.socket, space: Space, kind: str) -> None:
        self._wire = wire
        self._space = space
        self._object: Any = getattr(space, kind)
        self._verbs = protocol.VERBS[kind]

    def serve(self, lines: Iterator[bytes]) -> None:
        for request in lines:
            verb, arguments = msgspec.json.decode(request, type=tuple[str, msgspec.Raw])
            if verb == "clock":
                told = msgspec.json.decode(arguments, type=tuple[float, float])
                if told[1] >= (self._space.clock.told or told)[1]:  # else it is read late
                    self._space.clock.told = told
                continue
            self._wire.sendall(self._answer(verb, arguments))

    def _answer(self, verb: str, arguments: msgspec.Raw) -> bytes:
        try:
            given = msgspec.json.decode(arguments, type=self._verbs[verb][0])
            own = getattr(self, f"_{verb}", None)
            result = own(*given) if own else self._call(verb, given)
        except AnyjobError as error:
            return protocol.refusal(error)
        except Exception as error:  # a defect of this server is told, and ends no connection
            return protocol.refusal(BackendError(f"the server failed: {error!r}"))
        return protocol.line("ok", result, self._space.epoch)

    def _call(self, verb: str, given: tuple[Any, ...]) -> Any:
        call = getattr(self._object, verb)
        if verb in _NAMED:
            return call(*given[:-1], **{_NAMED[verb]: given[-1]})
        return call(*given)

    def _capabilities(self) -> Any:
        changes: dict[str, Any] = {"product": "line-protocol", "reach": "network"}
        if self._object is self._space.backend:
            changes |= {
                "transaction": False,
                "max_payload": protocol.MAX_PAYLOAD,
                "wait": "block",
                "wakeup_lag": 2 * SLICE,
            }
        else:
            changes |= {"max_value": protocol.MAX_PAYLOAD}
        return msgspec.structs.replace(self._object.capabilities, **changes)

    def _enqueue(self, jobs: list[Job]) -> list[Receipted]:
        receipts = self._space.backend.enqueue([job.envelope() for job in jobs])
        return [Receipted.of(receipt) for receipt in receipts]

    def _fetch(
        self,
        hand: Hand,
        credit: int,
        timeout: float,
        limits: dict[str, int] | None,
        sent: list[Sent],
    ) -> Took:
        consumer = self._space.consumer(hand)
        answers = self._settle(consumer, sent, 5.0)
        deadline = time.monotonic() + timeout
        while True:
            left = deadline - time.monotonic()
            leases = consumer.fetch(credit, max(0.0, min(left, SLICE)), limits)
            if leases or left <= SLICE or self._is_gone() or hand.id in _woken:
                _woken.discard(hand.id)
                return Took(answers, leases)

    def _flush(self, hand: Hand, seconds: float, sent: list[Sent]) -> list[str]:
        return self._settle(self._space.consumer(hand), sent, seconds)

    def _settle(self, consumer: Consumer, sent: list[Sent], seconds: float) -> list[str]:
        settlements: list[Settlement] = [each.settlement() for each in sent]
        if not settlements:
            return []
        consumer.settle(settlements)
        answers = {id(each.settlement): each.answer for each in consumer.flush(seconds)}
        return [answers.get(id(each), Answer.UNKNOWN) for each in settlements]

    def _extend(self, hand: Hand, leases: list[Lease], seconds: float) -> list[int]:
        lost = {id(each) for each in self._space.consumer(hand).extend(leases, seconds)}
        return [at for at, lease in enumerate(leases) if id(lease) in lost]

    def _wake(self, hand: Hand) -> None:
        _woken.add(hand.id)
        self._space.consumer(hand).wake()

    def _release(self, hand: Hand, sent: list[Sent]) -> list[str]:
        consumer = self._space.consumer(hand)
        answers = self._settle(consumer, sent, 5.0)
        consumer.close(release=True)
        return answers

    def _is_gone(self) -> bool:
        """Whether the client closed its end."""
        with contextlib.suppress(OSError):
            return self._wire.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
        return False


#: Consumers whose fetch is to end.
_woken: set[str] = set()


def epoch_of(folder: Path) -> str:
    """A word that stays with the data: another one tells that what was stored before is gone."""
    path = folder / "epoch"
    with contextlib.suppress(FileExistsError), path.open("x") as new:
        new.write(secrets.token_hex(8))
    return path.read_text()


def forget(folder: Path, prefix: str) -> None:
    for path in folder.glob(f"{prefix}.*"):
        path.unlink(missing_ok=True)


def serve(wire: socket.socket, spaces: Spaces) -> None:
    with wire, contextlib.suppress(OSError, msgspec.DecodeError):
        lines = protocol.whole_lines(wire)
        name, kind, now = msgspec.json.decode(next(lines, b""), type=protocol.Hello)
        if kind == "admin":
            for request in lines:
                _, prefix = msgspec.json.decode(request, type=tuple[Literal["forget"], str])
                forget(spaces.folder, prefix)
                wire.sendall(protocol.line("ok", None))
        else:
            with spaces.using(name, now) as space, contextlib.suppress(Misuse):
                Connection(wire, space, kind).serve(lines)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--dir", type=Path, required=True)
    options = parser.parse_args()
    spaces = Spaces(options.dir)
    with socket.create_server(("127.0.0.1", options.port), backlog=128) as listener:
        while True:
            wire, _ = listener.accept()
            threading.Thread(target=serve, args=(wire, spaces), daemon=True).start()


if __name__ == "__main__":
    main()
