"""Several servers behind one port, as one program that is cut off, killed and frozen whole:

    python -m tests.conformance.paired.switch PORT FOLDER -- NAME BEGIN COMMAND... [-- ...]

Each server has a folder of its own below FOLDER, called NAME; `@port` and `@dir` in its command are
filled in. A client belongs to the server whose protocol begins with what it says first, BEGIN.
"""

from __future__ import annotations

import contextlib
import itertools
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import NamedTuple

HOST = "127.0.0.1"
_CHUNK = 64 * 1024


class Behind(NamedTuple):
    """A server, and how its clients begin."""

    begin: bytes
    port: int
    process: subprocess.Popen[bytes]


def words(name: str, begin: str, command: list[str]) -> list[str]:
    """One server in the switch's command; its own words as `OwnProcess` fills them in."""
    filled = {"{port}": "@port", "{dir}": "@dir", "{host}": HOST}
    own = [filled.get(word, word) for word in command]
    return ["--", name, begin, *own]


def main(port: int, folder: Path, given: list[str]) -> int:
    groups = [list(group) for is_end, group in itertools.groupby(given, "--".__eq__) if not is_end]
    behind = [_start(folder / name, begin, command) for name, begin, *command in groups]
    listener = socket.create_server((HOST, port), backlog=200)
    threading.Thread(target=_accept, args=(listener, behind), daemon=True).start()
    # One that ends by itself ends all of them.
    ended = threading.Semaphore(0)
    for each in behind:
        threading.Thread(target=_outlive, args=(each, ended), daemon=True).start()
    ended.acquire()
    return 1


def _start(folder: Path, begin: str, command: list[str]) -> Behind:
    folder.mkdir(exist_ok=True)
    with socket.create_server((HOST, 0)) as probe:
        port = int(probe.getsockname()[1])
    own = [word.replace("@port", str(port)).replace("@dir", str(folder)) for word in command]
    return Behind(begin.encode(), port, subprocess.Popen(own))


def _outlive(server: Behind, ended: threading.Semaphore) -> None:
    server.process.wait()
    ended.release()


def _accept(listener: socket.socket, behind: list[Behind]) -> None:
    while True:
        client, _ = listener.accept()
        threading.Thread(target=_serve, args=(client, behind), daemon=True).start()


def _serve(client: socket.socket, behind: list[Behind]) -> None:
    with client, contextlib.suppress(OSError):
        said = client.recv(_CHUNK)
        port = next((each.port for each in behind if said.startswith(each.begin)), None)
        if port is None:
            return
        with socket.create_connection((HOST, port), 5.0) as server:
            server.settimeout(None)
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            server.sendall(said)
            back = threading.Thread(target=_pump, args=(server, client), daemon=True)
            back.start()
            _pump(client, server)
            back.join()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(_CHUNK):
            sink.sendall(data)
    # Whoever leaves takes the other along, at both ends.
    for end in (source, sink):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


if __name__ == "__main__":
    raise SystemExit(main(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]))
