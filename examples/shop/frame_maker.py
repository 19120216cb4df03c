"""The supplier that the demo starts: a frame maker who takes orders over HTTP but opens late."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from examples.shop.files import replacing

#: How long the frame maker answers 503, from the first order on.
CLOSED_SECONDS = 4.0
#: The id of an order comes from outside and becomes a file's name.
ORDER_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,79}")


@contextmanager
def frame_maker(folder: Path) -> Iterator[str]:
    """Take orders at the URL this yields and keep each as `<order>.json`, in threads of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    with FrameMaker(folder) as server:
        serving = threading.Thread(target=server.serve_forever, args=(0.05,), name="frame-maker")
        serving.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/orders"
        finally:
            server.shutdown()
            serving.join()


class FrameMaker(ThreadingHTTPServer):
    """Remembers when it opens; an order that comes twice replaces itself."""

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Request)
        self._folder = folder
        self._opens_at: float | None = None

    def answer(self, body: bytes) -> int:
        """Take an order if the shop is open; returns the HTTP status."""
        if self._opens_at is None:
            self._opens_at = time.monotonic() + CLOSED_SECONDS
        if time.monotonic() < self._opens_at:
            return 503
        order_id = json.loads(body)["order"]
        if not ORDER_ID.fullmatch(order_id):
            return 400
        with replacing(self._folder / f"{order_id}.json") as part:
            part.write_bytes(body)
        return 201


class _Request(BaseHTTPRequestHandler):
    server: FrameMaker

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(self.server.answer(body))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Stay silent: the journal has every attempt."""
