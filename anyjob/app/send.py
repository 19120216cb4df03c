"""Storing envelopes: one by one, by lots, and from an event loop."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import msgspec

from anyjob.core.backend import Backend
from anyjob.core.envelope import Envelope, Receipt
from anyjob.core.errors import BackendError, EnqueueUncertain, Misuse

if TYPE_CHECKING:
    import asyncio

#: A lot that leaves together: large enough to share a commit, small enough to answer soon.
LOT = 500
_PUBLISHED_LOT = 256
_PUBLISHED_BYTES = 256 * 1024


def send(backend: Backend, envelopes: Sequence[Envelope], transaction: Any = None) -> list[Receipt]:
    """Store envelopes; one whose fate is unknown is sent once more where the backend knows ids
    again.

    Raises what the backend raises, and EnqueueUncertain wherever the first time may have stored
    them.
    """
    try:
        return backend.enqueue(envelopes, transaction=transaction)
    except EnqueueUncertain as doubt:
        if transaction is not None:
            raise
        return _resend(backend, envelopes, doubt)


def start_send(backend: Backend, envelopes: Sequence[Envelope]) -> Callable[[], list[Receipt]]:
    """Begin what `send` does; what is returned waits for its end, and is called once."""
    try:
        finish = backend.start_enqueue(envelopes)
    except EnqueueUncertain as doubt:
        receipts = _resend(backend, envelopes, doubt)
        return lambda: receipts

    def finished() -> list[Receipt]:
        try:
            return finish()
        except EnqueueUncertain as doubt:
            return _resend(backend, envelopes, doubt)

    return finished


def _resend(
    backend: Backend, envelopes: Sequence[Envelope], doubt: EnqueueUncertain
) -> list[Receipt]:
    if backend.capabilities.dedup == "none":
        raise doubt
    try:
        return backend.enqueue(envelopes)
    except BackendError as error:
        # That this one did nothing says nothing of the first.
        raise doubt from error


async def asend(backend: Backend, envelope: Envelope, publisher: Publisher) -> Receipt:
    """Do what `send` does from an event loop: by the backend's own way, else by the publisher's
    thread.
    """
    answer = backend.aenqueue([envelope])
    if answer is None:
        return await publisher.publish(envelope)
    try:
        return (await answer)[0]
    except EnqueueUncertain as doubt:
        if backend.capabilities.dedup == "none":
            raise
        try:
            again = backend.aenqueue([envelope])
            return (await again)[0] if again is not None else await publisher.publish(envelope)
        except BackendError as error:
            raise doubt from error  # as above


def lots_of(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """Cut a stream into lists of `size` items, the last one shorter."""
    iterator = iter(items)
    while lot := list(islice(iterator, size)):
        yield lot


class _Wish(msgspec.Struct, frozen=True, eq=False):
    envelope: Envelope
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Receipt]


class Publisher:
    """One thread that stores what event loops want stored, by lots; started by the first wish.

    A loop hands over an envelope and gets a future: no thread hop a job, and nothing blocks. A
    future that was cancelled does not take its envelope back.
    """

    def __init__(
        self, store_lot: Callable[[list[Envelope]], list[Receipt]], max_batch: int
    ) -> None:
        self._store_lot = store_lot
        self._most = min(_PUBLISHED_LOT, max_batch)
        self._wishes: SimpleQueue[_Wish | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._closed = False

    def publish(self, envelope: Envelope) -> asyncio.Future[Receipt]:
        """Return a future of the running loop for this envelope's receipt."""
        import asyncio

        loop = asyncio.get_running_loop()
        wish = _Wish(envelope, loop, loop.create_future())
        with self._starting:
            if self._closed:
                raise Misuse("the app was closed; open it before enqueuing")
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._work, name="anyjob-publish", daemon=True
                )
                self._thread.start()
            self._wishes.put(wish)
        return wish.future

    def close(self) -> None:
        """Store what was wished for, then end; idempotent."""
        with self._starting:
            self._closed = True
            thread, self._thread = self._thread, None
        if thread is not None:
            self._wishes.put(None)
            thread.join()

    def _work(self) -> None:
        while (wish := self._wishes.get()) is not None:
            lot, ended = self._lot(wish)
            self._publish(lot)
            if ended:
                return

    def _lot(self, first: _Wish) -> tuple[list[_Wish], bool]:
        """Take what has gathered since the last lot left."""
        lot, size = [first], len(first.envelope.body)
        while len(lot) < self._most and size < _PUBLISHED_BYTES and not self._wishes.empty():
            wish = self._wishes.get()
            if wish is None:
                return lot, True
            lot.append(wish)
            size += len(wish.envelope.body)
        return lot, False

    def _publish(self, lot: list[_Wish]) -> None:
        answers: Sequence[Receipt | BaseException]
        try:
            answers = self._store_lot([wish.envelope for wish in lot])
        except EnqueueUncertain as doubt:
            # To each what is its own: it is sent again by whoever hears of it.
            answers = [EnqueueUncertain(str(doubt), [wish.envelope]) for wish in lot]
        except Exception as error:  # a foreign backend's surprise, too, must reach whoever waits
            answers = [error] * len(lot)
        by_loop: dict[asyncio.AbstractEventLoop, list[tuple[Any, Any]]] = {}
        for wish, answer in zip(lot, answers, strict=True):
            by_loop.setdefault(wish.loop, []).append((wish.future, answer))
        for loop, answered in by_loop.items():
            try:
                loop.call_soon_threadsafe(_resolve, answered)
            except RuntimeError:
                continue  # the loop was closed: nobody waits any more


def _resolve(answered: list[tuple[asyncio.Future[Receipt], Receipt | BaseException]]) -> None:
    for future, answer in answered:
        if future.done():
            continue
        if isinstance(answer, BaseException):
            future.set_exception(answer)
        else:
            future.set_result(answer)
