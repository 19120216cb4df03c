"""A primary and the sentinel that watches it, as one program that is killed and frozen whole:
`python -m tests.conformance.redis.watched PORT FOLDER PASSWORD COMMAND...`, where the command
starts the primary on that port.

Who asks for the primary comes to a door in front of the sentinel. A sentinel knows the one address
at which it reaches the primary itself; the suite's clients are at the far end of wires. So a client
asks for the primary by the port of its wire, the question is put to the sentinel, and the wire's
port stands in its answer.
"""

from __future__ import annotations

import contextlib
import re
import socket
import socketserver
import subprocess
import sys
import threading
from pathlib import Path

HOST = "127.0.0.1"
_NAME = "shop"
_ASKED = re.compile(rb"\$\d+\r\n" + _NAME.encode() + rb"-(\d+)\r\n")


def name_at(port: int | None) -> str:
    """The primary's name for a client that reaches it there."""
    return f"{_NAME}-{port}"


def door(folder: Path) -> int:
    """The port at which to ask; the same when the program is started again, on no data even."""
    return int(_note(folder).read_text())


def _note(folder: Path) -> Path:
    # Beside the data, which the suite removes.
    return folder.with_name("door")


class Door(socketserver.ThreadingTCPServer):
    """Asks the sentinel for whoever comes."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 100

    def __init__(self, port: int, sentinel: int, primary: int) -> None:
        super().__init__((HOST, port), _Question)
        self.sentinel = (HOST, sentinel)
        self.primary = primary


class _Question(socketserver.BaseRequestHandler):
    server: Door

    def handle(self) -> None:
        with (
            contextlib.suppress(OSError),
            socket.create_connection(self.server.sentinel, 5.0) as sentinel,
        ):
            # Questions and answers are so short that each comes in one piece.
            while asked := self.request.recv(4096):
                wire = _ASKED.search(asked)
                sentinel.sendall(_ASKED.sub(_bulk(_NAME), asked))
                said = sentinel.recv(4096)
                if wire is not None:
                    said = said.replace(_bulk(self.server.primary), _bulk(int(wire[1])))
                self.request.sendall(said)


def _bulk(word: str | int) -> bytes:
    return f"${len(str(word))}\r\n{word}\r\n".encode()


def _sentinel(folder: Path, primary: int, password: str) -> int:
    """Start it on the file that it keeps; returns its port."""
    file = folder / "sentinel.conf"
    port = _free_port()
    # It never takes the primary for dead: there is no other, and each fault is the suite's.
    file.write_text(
        f"sentinel monitor {_NAME} {HOST} {primary} 1\n"
        f"sentinel auth-pass {_NAME} {password}\n"
        f"sentinel down-after-milliseconds {_NAME} 3600000\n"
    )
    subprocess.Popen(["redis-server", str(file), "--port", str(port), "--bind", HOST, "--sentinel"])
    return port


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def main(port: int, folder: Path, password: str, command: list[str]) -> int:
    primary = subprocess.Popen(command)
    if not _note(folder).exists():
        _note(folder).write_text(str(_free_port()))
    asking = Door(door(folder), _sentinel(folder, port, password), port)
    threading.Thread(target=asking.serve_forever, daemon=True).start()
    return primary.wait()


if __name__ == "__main__":
    raise SystemExit(main(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4:]))
