"""A program that speaks Redis's protocol and says what no server says when asked to."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

from anyjob.backends.redis.resp import NOTHING, PlainReader

#: What it answers to a command; None: nothing, ever.
Answer = Callable[[list[bytes]], bytes | None]


class Impostor:
    """Listens on a port; each connection is a thread of its own."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._connections: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._listen)]
        self._threads[0].start()

    def close(self) -> None:
        for each in (self._listening, *self._connections):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for each in (self._listening, *self._connections):
            each.close()

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                self._connections.append(connection)
                self._threads.append(threading.Thread(target=self._serve, args=[connection]))
                self._threads[-1].start()

    def _serve(self, connection: socket.socket) -> None:
        reader = PlainReader()
        with contextlib.suppress(OSError):
            while data := connection.recv(65536):
                reader.feed(data)
                while (words := reader.gets()) is not NOTHING:
                    answer = self._answer(words)
                    if answer is not None:
                        connection.sendall(answer)


@contextlib.contextmanager
def posing(answer: Answer) -> Iterator[Impostor]:
    impostor = Impostor(answer)
    try:
        yield impostor
    finally:
        impostor.close()
